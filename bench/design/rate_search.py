"""Which rate next? The highest offered rate that passes, as an interval whose ends were each confirmed. Pure.

Exponential ramp until a rate fails, bisection by ratio until the interval is narrow, then both ends are repeated in
turn until one verdict has been heard often enough. A verdict that a repetition overturns moves the interval, and the
search goes on from there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

RAMP = 2.0
"""Factor between the rates of the ramp."""
WIDTH = 0.05
"""Most that the lowest failing rate may lie above the highest passing one, as a share of it."""


class Heard(NamedTuple):
    """One trial at an offered rate (1/s), and whether it passed."""

    rate: float
    passed: bool


class Side(NamedTuple):
    """One end of the interval: how many of its trials agree with its verdict."""

    rate: float
    agreeing: int
    trials: int


@dataclass(frozen=True, slots=True)
class Bracket:
    """Highest passing and lowest failing rate so far; either may be unknown. ``settled``: nothing is left to try."""

    low: Side | None
    high: Side | None
    settled: bool


@dataclass(frozen=True, slots=True)
class RateSearch:
    """Where the search begins, between which rates it stays, and how often each end is confirmed."""

    start: float
    floor: float
    ceiling: float
    confirmations: int = 3
    width: float = WIDTH
    most: int = 80
    """Trials after which it gives up: verdicts at random would never settle."""

    def next_rate(self, heard: Sequence[Heard]) -> float | None:
        """Return the rate of the next trial, None when the interval is settled or the search gives up."""
        if len(heard) >= self.most:
            return None
        sides = _sides(heard)
        tied = [side.rate for side in sides.values() if 2 * side.agreeing == side.trials]
        if tied:
            return tied[0]
        low, high = _ends(heard)
        if low is None and high is None:
            return max(self.floor, min(_round(self.start), self.ceiling))
        if high is None and low is not None and low.rate < self.ceiling:
            return min(_round(low.rate * RAMP), self.ceiling)
        if low is None and high is not None and high.rate > self.floor:
            return max(_round(high.rate / RAMP), self.floor)
        if low and high and high.rate > low.rate * (1 + self.width):
            # A stray failure far up would send the bisection into the wrong half, which costs more than a repetition.
            stray = high.trials == 1 and high.rate >= low.rate * math.sqrt(RAMP)
            return high.rate if stray else _round(math.sqrt(low.rate * high.rate))
        doubtful = [side for side in (low, high) if side and side.agreeing < self.confirmations]
        return min(doubtful, key=lambda side: side.trials).rate if doubtful else None

    def bracket(self, heard: Sequence[Heard]) -> Bracket:
        """Return the interval as far as it is known."""
        low, high = _ends(heard)
        settled = bool(heard) and len(heard) < self.most and self.next_rate(heard) is None
        return Bracket(low, high, settled)


def _sides(heard: Sequence[Heard]) -> dict[float, Side]:
    """Return for each rate how many of its trials agree with the majority; half of them is a tie."""
    rates = dict.fromkeys(one.rate for one in heard)
    found = {}
    for rate in rates:
        own = [one.passed for one in heard if one.rate == rate]
        found[rate] = Side(rate, max(sum(own), len(own) - sum(own)), len(own))
    return found


def _ends(heard: Sequence[Heard]) -> tuple[Side | None, Side | None]:
    sides = _sides(heard)
    passes = {rate for rate in sides if 2 * sum(one.passed for one in heard if one.rate == rate) > sides[rate].trials}
    fails = {rate for rate in sides if 2 * sides[rate].agreeing > sides[rate].trials} - passes
    high = min(fails, default=None)
    low = max((rate for rate in passes if high is None or rate < high), default=None)
    return (None if low is None else sides[low], None if high is None else sides[high])


def _round(rate: float) -> float:
    """Keep four significant digits: a rate is written in a file and read again."""
    return float(f"{rate:.4g}")
