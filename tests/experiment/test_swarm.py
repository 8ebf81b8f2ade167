"""`bench swarm` as a user runs it on one machine."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

from bench.cli.swarm import command
from bench.model.errors import ScenarioError
from bench.model.sample import Outcome
from bench.store.runs import RunReader
from tests.experiment.runs import SCENARIO

if TYPE_CHECKING:
    from pathlib import Path

    from bench.environment.embedded import Environment
    from tests.experiment.runs import Bench

RATE = """
name = "rate"
budgets = ["p95(response_time) < 2s"]
load = { model = "open", rate = "300/s", arrival = "constant" }
pool = { size = 4, workers = 2 }
pooler = { kind = "none" }
run = { warmup = "300ms", window = "1500ms", replicates = 1 }
[[operation]]
name = "plus"
sql = "SELECT $1::int + 1"
parameters = [{ kind = "uniform", name = "n", low = 1, high = 5 }]
"""


@pytest.mark.pg
def test_a_swarm_offers_what_a_local_run_offers_and_leaves_the_same_folder(bench: Bench) -> None:
    """Totals are the sum over the workers; the medians differ by the two libraries, so they are compared loosely."""
    (bench.folder / "rate.toml").write_text(RATE)
    totals, medians, drivers = [], [], []
    for verb, driver in (("run", "asyncpg"), ("swarm", "locust")):
        done = bench.run(verb, "rate.toml", "--json")
        assert done.returncode in {0, 4}, done.stderr  # 4: on a busy machine its own caveats may leave it undecided
        document = json.loads(done.stdout)
        assert document["kind"] == verb
        reader = RunReader(bench.folder / document["path"])
        (trial,) = reader.trials()
        samples = trial.samples()
        assert set(samples.outcome.tolist()) == {int(Outcome.OK)}
        by_worker = np.bincount(samples.worker)
        assert by_worker.tolist() == pytest.approx([270, 270], abs=1)
        totals.append(int(by_worker.sum()))
        medians.append(float(np.median(samples.duration("response_time"))))
        drivers.append(trial.trial.treatment["pool.driver"])
        assert drivers[-1] == driver
        assert (bench.folder / document["report"]).is_file()
        assert "lost-workers" not in (reader.path / "measurements.json").read_text()
    assert totals[0] == pytest.approx(totals[1], abs=2)
    assert 1 / 5 < medians[0] / medians[1] < 5
    assert "locust" in reader.facts.versions


@pytest.mark.pg
def test_two_lines_make_a_scenario_a_locust_user(bench: Bench, environment: Environment) -> None:
    file = bench.folder / "locustfile.py"
    file.write_text('from bench.experiment.locustfile import user_class\nUser = user_class("plus.toml")\n')
    locust = [
        sys.executable,
        "-m",
        "locust",
        "-f",
        str(file),
        "--headless",
        "-u",
        "4",
        "-r",
        "4",
        "-t",
        "2s",
        "--json",
    ]
    variables = {"PATH": "/usr/bin:/bin", "BENCH_APP_DSN": environment.app.dsn(), "PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run(locust, cwd=bench.folder, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(done.stdout)
    assert (row["method"], row["name"], row["num_failures"]) == ("sql", "plus", 0)
    assert row["num_requests"] > 50


def test_no_command_is_patched_by_gevent() -> None:
    """Locust patches the process that imports it, so the process of a command must not."""
    code = "import sys, bench.cli.swarm, bench.experiment.run; print(sorted({'locust', 'gevent'} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--worker"], "Give `--dsn`"),
        (["--worker", "plus.toml"], "serves the scenario of its master"),
        (["plus.toml", "--workers", "1", "--expect-workers", "2"], "2 workers are expected, and 1 are started here"),
        (["plus.toml", "--workers", "0"], "0 workers are expected"),
        (["plus.toml", "--master", "--workers", "3", "--expect-workers", "2"], "counts the local ones too"),
    ],
)
def test_what_makes_no_swarm_is_refused_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plus.toml").write_text(SCENARIO)
    with pytest.raises(ScenarioError) as refused:
        command.main(arguments, standalone_mode=False)
    assert said in f"{refused.value.problem} {refused.value.remedy}"


@pytest.mark.pg
def test_workers_that_do_not_come_end_the_run_with_the_cure(bench: Bench) -> None:
    more = ["--master", "--bind-host", "127.0.0.1", "--bind-port", "0", "--expect-workers", "2", "--max-wait", "3"]
    done = bench.run("swarm", "plus.toml", "--workers", "1", *more, "--set", "pool.size=2", "--replicates", "1")
    assert done.returncode == 3
    assert re.search("[01] of 2 workers connected within 3 s", done.stderr)  # a busy machine may be late with ours too
    assert "bench swarm --worker" in done.stderr
