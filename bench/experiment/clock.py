"""Whether the wall clock was set while a run went on. Durations never notice: all come from the monotonic clock."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from bench.model.facts import Caveat

if TYPE_CHECKING:
    from collections.abc import Callable

TOLERATED_NS = 1_000_000_000
"""Adjusting by slewing moves both clocks alike, so that only a step or a suspended machine parts them."""


class WallClock:
    """Compares both clocks at the beginning with both at the end."""

    def __init__(
        self, wall_ns: Callable[[], int] = time.time_ns, monotonic_ns: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self._wall_ns, self._monotonic_ns = wall_ns, monotonic_ns
        self._offset_ns = wall_ns() - monotonic_ns()

    def doubts(self) -> tuple[Caveat, ...]:
        """Return a caveat if the wall clock was set, or none."""
        stepped_ns = self._wall_ns() - self._monotonic_ns() - self._offset_ns
        if abs(stepped_ns) <= TOLERATED_NS:
            return ()
        return (
            Caveat(
                code="clock-stepped",
                text=f"the wall clock was set by {stepped_ns / 1e9:+,.0f} s while the run went on, or the machine "
                "slept: the times of day in this run are by different clocks; its durations are not touched",
                cure="Keep the clock with NTP, which slews it; `bench history` orders runs by their time of day.",
            ),
        )
