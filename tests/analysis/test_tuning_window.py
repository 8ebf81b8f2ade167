"""How long the windows of a tuning's pairs are, and which trials they hold for."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from bench.analysis.tuning.candidate import CHANGE, SCOUT, START, Tuning
from bench.analysis.tuning.pairs import ENOUGH, LONGEST, TURNS, paired_window_s
from bench.analysis.tuning.sides import scenario_of
from tests.analysis.synthetic import MS, closed_loop, scenario, summary_of

if TYPE_CHECKING:
    from bench.analysis.summary import TrialSummary

RAW: dict[str, Any] = {
    "name": "synthetic",
    "operation": [{"name": "one", "sql": "SELECT 1"}],
    "load": {"model": "closed", "clients": 10},
    "pool": {"size": 10},
    "run": {"window": "2s"},
}


def _scouted(service_ms: int, size: int = 10) -> TrialSummary:
    """Look at ten clients whose operations take so long."""
    shape = scenario(pool={"size": size})
    seen = summary_of(shape, closed_loop(shape, service_ns=service_ms * MS))
    treatment = {**seen.trial.treatment, CHANGE: SCOUT}
    return dataclasses.replace(seen, trial=msgspec.structs.replace(seen.trial, treatment=treatment))


@pytest.mark.parametrize(
    ("service_ms", "window_s"),
    [(1, 2), (50, 2), (100, ENOUGH / 100), (200, ENOUGH / 50), (400, 2 * LONGEST)],
)
def test_windows_grow_until_they_hold_enough_slow_operations(service_ms: int, window_s: float) -> None:
    """Ten connections do 10 / service operations a second: 200 of them in two seconds at 100 ms."""
    assert paired_window_s(scenario(), [_scouted(service_ms)]) == pytest.approx(window_s, rel=0.05)


def test_windows_hold_several_turns_of_many_clients() -> None:
    """200 clients on 10 connections of 20 ms: 500 a second is enough, but each waits for 0.4 s."""
    shape = scenario(load={"model": "closed", "clients": 200})
    seen = summary_of(shape, closed_loop(shape, service_ns=20 * MS))
    treatment = {**seen.trial.treatment, CHANGE: SCOUT}
    scouted = dataclasses.replace(seen, trial=msgspec.structs.replace(seen.trial, treatment=treatment))
    assert paired_window_s(shape, [scouted]) == pytest.approx(TURNS * 0.4, rel=0.05)


def test_only_the_size_that_a_tuning_starts_from_tells_how_slow_it_is() -> None:
    assert paired_window_s(scenario(), [_scouted(1), _scouted(300, size=2)]) == 2
    assert paired_window_s(scenario(), []) == 2


def test_the_first_look_keeps_its_window_and_pairs_have_their_own() -> None:
    tuning = Tuning(window_s=5.5)
    windows = [
        scenario_of({CHANGE: side, "pool.size": 10}, tuning, RAW, "test").run.window.seconds for side in (SCOUT, START)
    ]
    assert windows == [2, 5.5]
    assert scenario_of({CHANGE: START}, Tuning(), RAW, "test").run.window.seconds == 2
