"""Where more load stops paying: the knee of a measured curve, always one of the measured levels, with an interval.

A knee at the smallest level means "at or below it"; at the largest it is refused, since what comes after was not seen.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from bench.stats.estimate import Estimate, Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

_RESAMPLES = 2_000


def power(throughput: float, response_s: float) -> float:
    """Kleinrock's power X / R of one trial; the level where it is highest is the knee (Kleinrock 1979)."""
    if not (throughput >= 0 and response_s > 0):
        raise ValueError(f"power needs a response time above zero: {throughput}, {response_s}")
    return throughput / response_s


def power_knee(
    levels: Sequence[float],
    powers: Sequence[Sequence[float]],
    rng: np.random.Generator,
    level: float = 0.95,
    unit: str = "1",
) -> Estimate | Refused:
    """Level with the highest mean power; ``powers[i]`` holds one power per trial at ``levels[i]``.

    The interval holds the winners when trials are drawn again within their level.
    """
    return _bootstrap(levels, powers, lambda means: int(np.argmax(means)), rng, level, unit)


def kneedle(levels: Sequence[float], throughput: Sequence[float]) -> float | None:
    """Knee of a concave rising curve: furthest above the straight line from its first point to its highest.

    Satopaa et al. 2011, sensitivity 1; None where the curve hardly leaves the line. Levels ascend and differ.
    """
    position = _kneedle(np.asarray(levels, dtype=np.float64), np.asarray(throughput, dtype=np.float64))
    return None if position is None else float(levels[position])


def kneedle_knee(
    levels: Sequence[float],
    throughputs: Sequence[Sequence[float]],
    rng: np.random.Generator,
    level: float = 0.95,
    unit: str = "1",
) -> Estimate | Refused:
    """Find the knee of the mean throughputs by ``kneedle``, with the interval of knees when trials are drawn again."""
    x = np.asarray(levels, dtype=np.float64)
    return _bootstrap(levels, throughputs, lambda means: _kneedle(x, means), rng, level, unit)


def _kneedle(x: NDArray[np.float64], y: NDArray[np.float64]) -> int | None:
    if x.size < 3 or not (np.diff(x) > 0).all():
        raise ValueError("a knee needs at least 3 ascending levels")
    top = int(np.argmax(y))
    if top == 0:
        return 0
    # What lies beyond the highest point is retrograde and no part of the concave rise.
    rise = (y[: top + 1] - y[0]) / (y[top] - y[0])
    run = (x[: top + 1] - x[0]) / (x[top] - x[0])
    above = rise - run
    best = int(np.argmax(above))
    if above[best] <= 1 / max(1, x.size - 1):
        return None if top == x.size - 1 else top
    return best


def _bootstrap(
    levels: Sequence[float],
    replicates: Sequence[Sequence[float]],
    choose: Callable[[NDArray[np.float64]], int | None],
    rng: np.random.Generator,
    level: float,
    unit: str,
) -> Estimate | Refused:
    if len(levels) != len(replicates):
        raise ValueError(f"{len(levels)} levels, but trials of {len(replicates)}")
    if len(levels) < 3:
        return Refused(f"{len(levels)} level(s) have no knee between them", len(levels), 3)
    groups = [np.asarray(group, dtype=np.float64) for group in replicates]
    fewest = min(group.size for group in groups)
    if fewest < 2:
        return Refused("a level with one trial does not show how trials differ", fewest, 2)
    means = np.asarray([group.mean() for group in groups])
    found = choose(means)
    if found is None or found == len(levels) - 1:
        return Refused(f"no knee up to {levels[-1]:g}: the curve still rises there", fewest, None)
    # A few trials drawn from themselves show too little of their spread, hence the widening.
    spread = [(group - group.mean()) * math.sqrt(group.size / (group.size - 1)) for group in groups]
    shifts = np.column_stack([rng.choice(s, (_RESAMPLES, s.size)).mean(axis=1) for s in spread])
    drawn = [choose(means + shift) for shift in shifts]
    # A drawn curve without a knee has it beyond the largest level, if anywhere.
    winners = [float(levels[-1] if winner is None else levels[winner]) for winner in drawn]
    ends = [(1 - level) / 2, (1 + level) / 2]
    low, high = (float(end) for end in np.quantile(winners, ends, method="inverted_cdf"))
    point = float(levels[found])
    return Estimate(point, min(point, low), max(point, high), level, fewest, unit)
