"""Interleaved gates: what `--against` names, and one on a real server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bench.analysis.gate.confirm import confirm, has_failed
from bench.analysis.gate.result import GateResult
from bench.design.pairs import interleave
from bench.environment.attached import Attachment
from bench.environment.embedded import Where
from bench.experiment.against import other_program
from bench.model.errors import ScenarioError, SetupError
from tests.report.test_gate_outputs import line

if TYPE_CHECKING:
    from bench.environment.embedded import Environment

EMBEDDED = Where(Path("state"))
SCENARIO = """\
name = "plus"
budgets = ["p95(response_time) < 2s"]
load = { model = "closed", clients = 2 }
pooler = { kind = "none" }
pool = { size = 2 }
run = { warmup = "100ms", window = "300ms" }
[[operation]]
name = "plus"
sql = "SELECT $1::int + 1"
parameters = [{ kind = "uniform", name = "n", low = 1, high = 5 }]
"""


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with one commit that holds a scenario, and a later scenario that is not committed."""
    root = tmp_path / "repository"
    root.mkdir()
    (root / "plus.toml").write_text(SCENARIO)
    who = ["-c", "user.name=somebody", "-c", "user.email=somebody@example.org"]
    for arguments in (["init", "-q"], ["add", "."], [*who, "commit", "-qm", "first"], ["tag", "v1"]):
        subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True)
    (root / "later.toml").write_text(SCENARIO)
    monkeypatch.chdir(root)
    return root


def test_pairs_alternate_who_goes_first() -> None:
    assert [side[0] for side, _ in interleave(3)] == ["b", "c", "c", "b", "b", "c"]
    assert [pair for _, pair in interleave(3)] == [1, 1, 2, 2, 3, 3]


def test_a_commit_is_unpacked_and_run_from_there(repository: Path, tmp_path: Path) -> None:
    program = other_program("v1", "plus.toml", EMBEDDED, tmp_path / "state", tmp_path / "other")
    assert program.folder == tmp_path / "other"
    assert (tmp_path / "other" / "plus.toml").read_text() == SCENARIO
    assert program.where == ("--state", str(tmp_path / "state"))
    assert program.name.startswith("v1 (")
    status = subprocess.run(["git", "status", "--short"], cwd=repository, capture_output=True, text=True, check=True)
    assert status.stdout == "?? later.toml\n"


def test_a_scenario_that_the_commit_lacks_is_refused(repository: Path, tmp_path: Path) -> None:
    assert repository.is_dir()
    with pytest.raises(ScenarioError, match="does not exist at v1"):
        other_program("v1", "later.toml", EMBEDDED, tmp_path / "state", tmp_path / "other")


@pytest.mark.parametrize("name", ["v2", "--output=x", "missing.whl"])
def test_what_is_neither_commit_nor_wheel_nor_database_is_refused(repository: Path, tmp_path: Path, name: str) -> None:
    assert repository.is_dir()
    with pytest.raises(ScenarioError):
        other_program(name, "plus.toml", EMBEDDED, tmp_path / "state", tmp_path / "other")


def test_a_wheel_is_put_before_the_present_package(tmp_path: Path) -> None:
    wheel = tmp_path / "poolbench-9-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("bench/__init__.py", "")
    program = other_program(str(wheel), "plus.toml", EMBEDDED, tmp_path / "state", tmp_path / "other")
    assert program.variables["PYTHONPATH"].split(os.pathsep)[0] == str(tmp_path / "other")
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("elsewhere/__init__.py", "")
    with pytest.raises(ScenarioError, match="holds no `bench` package"):
        other_program(str(wheel), "plus.toml", EMBEDDED, tmp_path / "state", tmp_path / "another")


def test_a_password_is_no_argument(tmp_path: Path) -> None:
    dsn = "postgresql://app:hunter2@127.0.0.1:5432/shop"
    program = other_program(dsn, "plus.toml", Attachment(dsn), tmp_path / "state", tmp_path / "other")
    assert "hunter2" not in " ".join(program.where)
    assert program.variables["PGPASSWORD"] == "hunter2"


def test_a_commit_needs_servers_of_our_own(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="needs the embedded servers"):
        other_program("v1", "plus.toml", Attachment("host=h"), tmp_path / "state", tmp_path / "other")


def test_a_side_that_cannot_run_is_named_with_its_last_words(tmp_path: Path) -> None:
    dsn = "host=127.0.0.1 port=1 dbname=x user=y"
    program = other_program(dsn, "missing.toml", Attachment(dsn), tmp_path, tmp_path / "other")
    with pytest.raises(SetupError, match="could not be done") as refused:
        program.call("run", "missing.toml", *program.where)
    assert "no such scenario file" in str(refused.value)


def test_a_failure_counts_only_when_the_rerun_shows_it() -> None:
    def judged(*verdicts: str) -> GateResult:
        lines = tuple(line(verdict, name=f"p{n} < 1s") for n, verdict in enumerate(verdicts))  # type: ignore[arg-type]
        return GateResult(verdict="fail", scenario="s", run_id="r", baseline=None, lines=lines)

    first = judged("fail", "fail", "pass")
    assert has_failed(first)
    both = confirm(first, judged("fail", "pass", "fail"))
    assert [(one.verdict, one.confirmed) for one in both.lines] == [
        ("fail", True),
        ("inconclusive", False),
        ("pass", None),
    ]
    assert both.verdict == "fail"
    assert confirm(first, judged("pass", "pass", "pass")).verdict == "inconclusive"


@pytest.mark.pg
@pytest.mark.slow
def test_two_databases_are_measured_in_turn_in_one_job(tmp_path: Path, environment: Environment) -> None:
    (tmp_path / "plus.toml").write_text(SCENARIO)
    endpoint = environment.app
    dsn = f"host={endpoint.host} port={endpoint.port} dbname={endpoint.dbname} user={endpoint.user}"
    command = [sys.executable, "-m", "bench", "gate", "plus.toml", "--against", dsn, "--dsn", dsn, "--pairs", "2"]
    done = subprocess.run(
        [*command, "--no-rerun", "--relative", "900%", "--json", "--junit", "gate.xml"],
        cwd=tmp_path,
        env={**os.environ, "PGPASSWORD": endpoint.password, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    document = json.loads(done.stdout)
    assert done.returncode in (0, 4), done.stderr
    assert document["paired"] is True
    assert document["baseline"] == "baseline database"
    assert {entry["kind"] for entry in document["lines"]} == {"budget", "comparison", "plan"}
    folder = Path(tmp_path, document["path"])
    assert len(list(folder.glob("first/*/*/trials/*/samples.parquet"))) == 4
    order = [text for text in done.stderr.splitlines() if text.startswith("[")]
    assert [("baseline," in text or "baseline:" in text) for text in order] == [True, False, False, True]
    assert (tmp_path / "gate.xml").is_file()
    assert not list((tmp_path / ".bench").glob("gate-*"))
