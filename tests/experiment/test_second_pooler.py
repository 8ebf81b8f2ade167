"""A trial through pgpool-II: its sessions carry the load, and what it does not count stays unknown."""

from __future__ import annotations

import contextlib
import dataclasses
from typing import TYPE_CHECKING

import pytest

from bench.analysis.trial import summarise
from bench.design.plan import Trial
from bench.environment.pgpool import Pgpool
from bench.experiment.trial import run_trial
from bench.model.errors import SetupError
from tests.experiment.targets import target_of
from tests.load.trials import PLUS, scenario

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bench.environment.embedded import Environment
    from bench.experiment.target import Target

THROUGH = scenario(f'pooler = {{ kind = "pgpool", mode = "session" }}\n{PLUS}')
SEVERAL = scenario(f"pooler = {{ processes = 2 }}\n{PLUS}")


@pytest.fixture
def target(environment: Environment, open_folder: Path) -> Iterator[Target]:
    pgpool = Pgpool(environment.app, open_folder / "pgpool", environment.postgres.account)
    with contextlib.closing(pgpool):
        yield target_of(environment, pgpool)


@pytest.mark.pg
def test_its_waits_are_unknown_and_not_nothing(target: Target) -> None:
    record = run_trial(target, THROUGH, Trial("b1", 1, {}, 1), {})
    summary = summarise(record.trial, record.facts, record.samples, THROUGH)
    assert record.facts.pooler is not None
    assert record.facts.pooler.kind == "pgpool"
    assert record.versions["pgpool"].startswith("4.")
    assert summary.everything.outcomes.keys() == {"ok"}
    assert "pooler_wait" not in summary.everything.split.parts
    assert "pooler_wait" in summary.everything.split.refused
    assert summary.round_trips is None
    assert summary.assignments is None


@pytest.mark.pg
def test_a_machine_without_it_is_told_before_anything_runs(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    target.check_poolers([THROUGH])
    monkeypatch.setattr("bench.environment.pgpool.PROGRAM", "pgpool-that-nobody-has")
    with pytest.raises(SetupError, match="none is installed") as refused:
        target.check_poolers([THROUGH])
    assert "apt-get install pgpool2" in (refused.value.remedy or "")


@pytest.mark.pg
def test_several_processes_of_a_pooler_that_is_not_ours_are_refused_before_anything_runs(target: Target) -> None:
    target.check_poolers([SEVERAL])  # ours: it is started anew with as many
    attached = dataclasses.replace(target, environment=None, pgpool=None)
    with pytest.raises(SetupError, match="embedded pooler"):
        attached.check_poolers([SEVERAL])
    with pytest.raises(SetupError, match="attached pooler is measured as it is"):
        attached.check_poolers([THROUGH])
    with pytest.raises(SetupError, match="none is attached"):
        dataclasses.replace(attached, pooled=None).check_poolers([SEVERAL])
    pooler = target.environment.pooler if target.environment else None
    assert pooler is not None
    process, pooler.process = pooler.process, None  # as after `bench up`: it runs, and is not our child
    try:
        with pytest.raises(SetupError, match="asks for 2"):
            target.check_poolers([SEVERAL])
    finally:
        pooler.process = process
