"""The smallest level that is enough: whose throughput lies within the noise of the best."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bench.stats.estimate import Estimate, Refused
from bench.stats.replicates import paired_ratio, unpaired_ratio

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class LevelReason:
    """How one level stands against the best: ``ratio`` is its throughput / the best's, ``reason`` one sentence."""

    level: float
    ratio: Estimate | Refused
    reason: str


@dataclass(frozen=True, slots=True)
class SmallestLevel:
    """The answer as an interval.

    ``point`` is the smallest level whose mean ratio to ``best`` is within the margin; every level below ``low`` is
    shown to be worse; ``high`` is the smallest shown not to be. ``reasons`` holds one entry per level, ascending.
    """

    point: float
    low: float
    high: float
    best: float
    margin: float
    reasons: tuple[LevelReason, ...]


def smallest_within_noise(
    levels: Sequence[float],
    replicates: Sequence[Sequence[float]],
    margin: float = 0.03,
    level: float = 0.95,
    *,
    paired: bool = True,
) -> SmallestLevel | Refused:
    """Find the smallest level within ``margin`` of the best mean throughput (0.03: it may cost 3 %).

    ``replicates[i]`` holds the throughputs of the trials at ``levels[i]``; ``paired`` where trial j of every level ran
    in the same block. Refused with one trial a level. The best is the highest of noisy means and so a little lucky,
    which makes the answer rather too large than too small.
    """
    if len(levels) != len(replicates) or not levels or not 0 < margin < 1:
        raise ValueError(f"{len(levels)} levels with trials of {len(replicates)}, margin {margin}")
    fewest = min(len(group) for group in replicates)
    if fewest < 2:
        return Refused("a level with one trial does not show how trials differ", fewest, 2)
    order = sorted(range(len(levels)), key=lambda position: levels[position])
    best = max(order, key=lambda position: float(np.mean(replicates[position])))
    if not np.mean(replicates[best]) > 0:
        return Refused("no level has any throughput", fewest, None)
    ratio_of = paired_ratio if paired else unpaired_ratio
    floor = 1 - margin
    reasons = [LevelReason(float(levels[best]), Estimate(1.0, 1.0, 1.0, level, fewest, "1"), "highest mean throughput")]
    for position in order:
        if position != best:
            ratio = ratio_of(replicates[best], replicates[position], level)
            reasons.append(LevelReason(float(levels[position]), ratio, _reason(ratio, floor)))
    reasons.sort(key=lambda reason: reason.level)
    told = [(reason.level, reason.ratio) for reason in reasons if isinstance(reason.ratio, Estimate)]
    return SmallestLevel(
        point=next(size for size, ratio in told if ratio.point >= floor),
        low=next(size for size, ratio in told if ratio.high >= floor),
        high=next(size for size, ratio in told if ratio.low >= floor),
        best=float(levels[best]),
        margin=margin,
        reasons=tuple(reasons),
    )


def _reason(ratio: Estimate | Refused, floor: float) -> str:
    if isinstance(ratio, Refused):
        return ratio.reason
    percent = f"{100 * ratio.point:.1f} % [{100 * ratio.low:.1f}, {100 * ratio.high:.1f}] of the best"
    limit = f"{100 * floor:g} %"
    if ratio.high < floor:
        return f"{percent}: shown to be below {limit}"
    if ratio.low >= floor:
        return f"{percent}: shown to be at or above {limit}"
    side = "at or above" if ratio.point >= floor else "below"
    return f"{percent}: {side} {limit}, but the interval allows both"
