"""Bad input ends with one clear message, a remedy and the right exit code, never a traceback."""

from __future__ import annotations

import json
import os
import shutil
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from tests.forked import run_forked

if TYPE_CHECKING:
    import subprocess

    from bench.environment.embedded import Environment

SCENARIO = """
name = "plus"
budgets = ["p95(response_time) < 2s"]
[load]
model = "closed"
clients = 4
[pool]
size = 2
[pooler]
kind = "none"
[run]
warmup = "200ms"
window = "500ms"
replicates = 2
[[operation]]
name = "plus"
sql = "SELECT $1::int + 1"
parameters = [{ kind = "uniform", name = "n", low = 1, high = 5 }]
"""


def bench(*arguments: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a user does."""
    return run_forked(*arguments, cwd=cwd, env={**os.environ, "NO_COLOR": "1", **variables})


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    path = tmp_path / "plus.toml"
    path.write_text(SCENARIO)
    return path


def _refused(done: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.count("error:") == 1
    assert "remedy:" in done.stderr
    for word in words:
        assert word in done.stderr


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("size = 2", "siez = 2", ("$.pool.siez", "Did you mean `size`")),
        ('"500ms"', "500", ("bare value 500", "$.run.window")),
        ('"500ms"', '"500 parsecs"', ("parsecs", "takes one of")),
        ("p95(response_time)", "p95(respons_time)", ("did you mean 'response_time'",)),
        ("[pool]", "[pool", ("not valid TOML",)),
    ],
)
def test_a_mistake_in_a_scenario_ends_with_2(scenario: Path, old: str, new: str, words: tuple[str, ...]) -> None:
    scenario.write_text(SCENARIO.replace(old, new))
    _refused(bench("plan", str(scenario), cwd=scenario.parent), 2, *words)


def test_a_missing_file_ends_with_2_and_names_the_nearest_scenario(tmp_path: Path) -> None:
    _refused(
        bench("run", "scenarios/rating_lokup.toml", cwd=tmp_path), 2, "rating_lokup", "Did you mean `rating_lookup`"
    )


def test_an_unknown_override_ends_with_2(scenario: Path) -> None:
    _refused(bench("run", str(scenario), "--set", "pool.sise=3", cwd=scenario.parent), 2, "$.pool.sise", "`size`")


def test_a_malformed_override_ends_with_2(scenario: Path) -> None:
    _refused(bench("run", str(scenario), "--set", "pool.size", cwd=scenario.parent), 2, "key=value")


def test_an_unreachable_server_ends_with_3(scenario: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    dsn = f"postgresql://app:hunter2@127.0.0.1:{port}/x"
    done = bench("run", str(scenario), "--dsn", dsn, cwd=scenario.parent)
    _refused(done, 3, "cannot reach the server", str(port))
    assert "hunter2" not in done.stderr + done.stdout


def test_an_unreadable_connection_string_ends_with_2(scenario: Path) -> None:
    _refused(bench("run", str(scenario), "--dsn", "postgres//nonsense", cwd=scenario.parent), 2, "cannot be read")


def test_a_state_folder_that_cannot_be_made_ends_with_3(scenario: Path) -> None:
    (scenario.parent / "file").write_text("")
    done = bench("run", str(scenario), "--state", "file/state", cwd=scenario.parent)
    _refused(done, 3, "cannot write in", "--state")


def test_an_unknown_run_ends_with_3(tmp_path: Path) -> None:
    _refused(bench("analyse", "20260101T000000Z-none", cwd=tmp_path), 3)


def test_usage_errors_end_with_2(tmp_path: Path) -> None:
    done = bench("run", cwd=tmp_path)
    assert done.returncode == 2
    assert "Missing argument" in done.stderr


@pytest.mark.parametrize(
    "command", ["doctor", "up", "down", "status", "env", "schema", "seed", "plan", "run", "analyse", "report"]
)
def test_every_command_has_help_with_an_example(command: str, tmp_path: Path) -> None:
    done = bench(command, "--help", cwd=tmp_path)
    assert done.returncode == 0
    assert "bench " + command in done.stdout or "Commands" in done.stdout


@pytest.mark.pg
def test_a_pool_larger_than_the_server_allows_ends_with_2(scenario: Path, environment: Environment) -> None:
    arguments = ("run", str(scenario), "--dsn", environment.app.dsn(), "--set", "pool.size=500")
    _refused(bench(*arguments, cwd=scenario.parent), 2, "max_connections", "504")


@pytest.mark.pg
def test_a_results_folder_that_cannot_be_made_ends_with_3(scenario: Path, environment: Environment) -> None:
    (scenario.parent / "file").write_text("")
    arguments = ("run", str(scenario), "--dsn", environment.app.dsn(), "--results", "file/results")
    _refused(bench(*arguments, cwd=scenario.parent), 3, "file/results")


@pytest.mark.pg
def test_a_statement_that_does_not_parse_ends_with_2_before_any_trial(scenario: Path, environment: Environment) -> None:
    scenario.write_text(SCENARIO.replace("SELECT $1::int + 1", "SELECT $1::int + nonsense"))
    done = bench("run", str(scenario), "--dsn", environment.app.dsn(), cwd=scenario.parent)
    _refused(done, 2, "nonsense")
    assert not list((scenario.parent / "results").glob("*/trials/*"))


@pytest.mark.pg
def test_an_attached_run_leaves_results_report_and_one_json_document(scenario: Path, environment: Environment) -> None:
    arguments = ("run", str(scenario), "--dsn", environment.app.dsn(), "--json")
    done = bench(*arguments, cwd=scenario.parent)
    document = json.loads(done.stdout)
    assert document["kind"] == "run"
    assert done.returncode == {"pass": 0, "fail": 1, "inconclusive": 4}[document["verdict"]]
    folder, report = Path(scenario.parent, document["path"]), Path(scenario.parent, document["report"])
    names = {path.name for path in folder.iterdir()}
    assert {"run.json", "scenario.toml", "plan.json", "host.json", "trials", "measurements.json"} <= names
    assert {"measurements.parquet", "findings.json", "verdict.json"} <= names
    written = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file()) + report.read_bytes()
    assert environment.app_password.encode() not in written
    measurements = json.loads((folder / "measurements.json").read_text())["measurements"]
    assert measurements[0]["metrics"]["throughput"]["point"] > 0
    again = bench("analyse", document["run_id"], "--json", cwd=scenario.parent)
    assert json.loads(again.stdout)["verdict"] == document["verdict"]


def test_the_figures_of_the_audit_fail_their_budget_and_are_called_impossible(tmp_path: Path) -> None:
    """5,619/s with a p95 of 989 ms at 100 clients: 989 is not below 100, and Little's law allows 2,022/s at most."""
    shutil.copytree(Path(__file__).parents[2] / "results" / "audit-headline", tmp_path / "results" / "audit-headline")
    done = bench("analyse", "audit-headline", cwd=tmp_path)
    assert done.returncode == 1
    assert "not possible under Little's law" in done.stdout
    assert "2,022/s" in done.stdout
    findings = json.loads((tmp_path / "results" / "audit-headline" / "findings.json").read_text())["findings"]
    assert {finding["rule"] for finding in findings} == {"littles-law", "budget-missed"}


@pytest.mark.pg
def test_a_server_without_statement_statistics_ends_with_3_and_the_cure(
    scenario: Path, environment: Environment
) -> None:
    elsewhere = msgspec.structs.replace(environment.app, dbname="postgres")
    done = bench("run", str(scenario), "--dsn", elsewhere.dsn(), cwd=scenario.parent)
    _refused(done, 3, "pg_stat_statements", "CREATE EXTENSION")
