"""A run that was ended, however it was, goes on where it stopped; elsewhere it does not."""

from __future__ import annotations

import re
import shlex
import signal
from typing import TYPE_CHECKING

import msgspec
import pytest
from click.testing import CliRunner

from bench.cli.run import command
from bench.experiment.resume import _differences, _machines, take_up
from bench.model.errors import ScenarioError, SetupError
from tests.experiment.runs import edit, load, read_until
from tests.store import examples

if TYPE_CHECKING:
    from tests.experiment.runs import Bench


def _kill_in_the_second_trial(bench: Bench, *arguments: str) -> None:
    process = bench.start("run", "plus.toml", *arguments)
    read_until(process.stderr, r"^\[1/4\]")
    process.kill()
    process.communicate()


@pytest.mark.pg
def test_a_run_killed_in_the_middle_of_a_trial_goes_on_where_it_stopped(bench: Bench) -> None:
    """Finished trials stay as they are; scenario and overrides come from the run; the file may be gone."""
    _kill_in_the_second_trial(bench, "--set", "load.clients=3", "--set", "run.seed=5")
    partial = bench.unfinished()
    (first,) = (partial / "trials").glob("b*")
    raw = (first / "samples.parquet").read_bytes()
    (bench.folder / "plus.toml").unlink()
    done = bench.run("run", "--resume", partial.name.removesuffix(".partial"))
    assert done.returncode in (0, 4), done.stderr
    assert "3 trials" in done.stderr
    run = bench.finished()
    assert (run / "trials" / first.name / "samples.parquet").read_bytes() == raw
    assert len(list((run / "trials").iterdir())) == 4
    facts = load(run / "run.json")
    assert facts["status"] == "finished"
    assert facts["overrides"]["settings"] == {"load.clients": 3, "run.seed": 5}
    (resumed,) = (caveat for caveat in facts["caveats"] if caveat["code"] == "resumed")
    assert "after 1 of 4 trials" in resumed["text"]
    measured = load(run / "measurements.json")["measurements"]
    assert {one["treatment"]["load.clients"] for one in measured} == {3}
    assert all(one["metrics"]["throughput"]["n"] == 2 for one in measured)
    again = bench.run("run", "--resume", run.name)
    assert again.returncode == 3
    assert "is finished: there is nothing to resume" in again.stderr


@pytest.mark.pg
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_prints_the_command_that_takes_it_up(bench: Bench, number: signal.Signals) -> None:
    process = bench.start("run", "plus.toml", "--results", "kept here")
    read_until(process.stderr, r"^\[1/4\]")
    process.send_signal(number)
    told = read_until(process.stderr, "go on with: ")
    process.communicate()
    assert process.returncode == 130
    typed = shlex.split(told.partition("go on with: ")[2])
    assert typed[:2] == ["bench", "run"]
    assert typed[typed.index("--results") + 1] == "kept here"
    (partial,) = (bench.folder / "kept here").glob("*.partial")
    assert load(partial / "run.json")["status"] == "interrupted"
    if number == signal.SIGTERM:
        return  # the command is the same, and once is enough to see that it works
    done = bench.run(*typed[1:])
    assert done.returncode in (0, 4), done.stderr
    assert not list((bench.folder / "kept here").glob("*.partial"))


@pytest.mark.pg
def test_a_run_is_not_taken_up_where_its_trials_would_not_be_comparable(bench: Bench) -> None:
    _kill_in_the_second_trial(bench)
    partial = bench.unfinished()
    run_id = partial.name.removesuffix(".partial")
    machine = load(partial / "host.json")["machine"]
    edit(partial / "host.json", machine="elsewhere")
    with pytest.raises(SetupError, match="cannot be resumed here") as refused:
        take_up(run_id, bench.results)
    assert "machine: elsewhere" in refused.value.evidence
    edit(partial / "host.json", machine=machine)
    versions = {**load(partial / "run.json")["versions"], "asyncpg": "0.1"}
    edit(partial / "run.json", versions=versions, schema_hash="abc")
    done = bench.run("run", "--resume", run_id)
    assert done.returncode == 3
    assert "asyncpg 0.1, now" in done.stderr
    assert "schema hash abc, now none" in done.stderr
    assert len(list((partial / "trials").iterdir())) == 1


@pytest.mark.parametrize("change", [["plus.toml"], ["--set", "pool.size=2"], ["--quick"], ["--adaptive"]])
def test_a_run_taken_up_cannot_be_changed(change: list[str]) -> None:
    refused = CliRunner().invoke(command, ["--resume", "any", *change], standalone_mode=False)
    assert isinstance(refused.exception, ScenarioError)
    assert "goes on with the run as it was planned" in str(refused.exception)


def test_every_difference_between_two_sessions_is_named() -> None:
    before = examples.RUN
    same = msgspec.structs.replace(before, versions={**before.versions, "postgresql": "18.9", "pgbouncer": "1.24"})
    assert not list(_differences(before, same))
    other = msgspec.structs.replace(
        before,
        versions={"postgresql": "17.2 (Debian 17.2-1)", "asyncpg": "0.32"},
        bench_version="9",
        schema_hash=None,
        alembic_head="006",
    )
    assert list(_differences(before, other)) == [
        "PostgreSQL 18, now 17",
        "asyncpg 0.31.0, now 0.32",
        "poolbench 0.1.0, now 9",
        "schema hash ab12, now none (an attached server)",
        "revision 007, now 006",
    ]
    machine = msgspec.structs.replace(examples.HOST, machine="other", cores=8)
    assert [re.sub(r" \(.*?\)", "", text) for text in _machines(examples.HOST, machine)] == [
        "machine: 5f0c, now other",
        "cores: 2, now 8",
    ]
