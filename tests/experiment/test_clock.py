"""A wall clock that is set while a run goes on is named, and decides no duration."""

from __future__ import annotations

from itertools import count

import msgspec
import pytest

from bench.experiment.clock import WallClock
from bench.report.sections.environment import elapsed_s
from tests.report import recorded

SECOND = 1_000_000_000


@pytest.mark.parametrize("stepped_s", [-3600, 86_400])
def test_a_step_of_the_wall_clock_is_told_with_its_size(stepped_s: int) -> None:
    walls = iter([50 * SECOND, (50 + 10 + stepped_s) * SECOND])
    instants = iter([7 * SECOND, 17 * SECOND])
    (doubt,) = WallClock(lambda: next(walls), lambda: next(instants)).doubts()
    assert doubt.code == "clock-stepped"
    assert f"{stepped_s:+,} s" in doubt.text
    assert not doubt.invalidates


def test_clocks_that_go_on_together_leave_no_doubt() -> None:
    walls, instants = count(1000 * SECOND, 60 * SECOND), count(0, 60 * SECOND)
    assert WallClock(lambda: next(walls), lambda: next(instants)).doubts() == ()


def test_a_run_took_what_the_monotonic_clock_says() -> None:
    backwards = msgspec.structs.replace(
        recorded.RUN, started_utc="2030-01-02T03:04:05+00:00", finished_utc="2030-01-02T02:04:05+00:00"
    )
    assert elapsed_s(msgspec.structs.replace(backwards, worked_s=12.5)) == 12.5
    assert elapsed_s(backwards) == -3600  # made before it was measured; nobody shows it
