"""Is a change a regression? Size and evidence are two questions, and "cannot tell" is an answer."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.stats.estimate import Refused

if TYPE_CHECKING:
    from bench.stats.estimate import Estimate


class Change(enum.Enum):
    """What a comparison shows."""

    REGRESSION = "regression"
    IMPROVEMENT = "improvement"
    EQUIVALENT = "equivalent"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True)
class Threshold:
    """How big a change must be to matter: relative (0.05 is 5 %) *and* absolute, in the metric's own unit.

    The relative part should not lie below the noise floor measured by A/A pairs.
    """

    relative: float
    absolute: float = 0.0

    def __post_init__(self) -> None:
        if not (self.relative > 0 and self.absolute >= 0):
            raise ValueError(f"a change matters above some size: {self.relative}, {self.absolute}")

    def margin(self, baseline: float) -> float:
        """Relative size that satisfies both parts at this baseline."""
        if not baseline > 0:
            raise ValueError(f"a relative change needs a baseline above zero: {baseline}")
        return max(self.relative, self.absolute / baseline)


@dataclass(frozen=True, slots=True)
class Comparison:
    """The answer, the ratio candidate / baseline it rests on, and why, in one sentence."""

    change: Change
    ratio: Estimate | Refused
    reason: str


def judge(
    ratio: Estimate | Refused,
    baseline: float,
    threshold: Threshold,
    *,
    smaller_is_better: bool,
    p: float | None = None,
) -> Comparison:
    """Four-way verdict on candidate / baseline.

    Regression or improvement: the point lies beyond the threshold and the interval excludes "no change" (and ``p``,
    where given, Holm-adjusted for a family, is at most 1 - level). Equivalent: the whole interval lies within the
    threshold. Everything else is inconclusive. ``baseline`` is the baseline's value, in ``threshold.absolute``'s unit.
    """
    if isinstance(ratio, Refused):
        return Comparison(Change.INCONCLUSIVE, ratio, ratio.reason)
    margin = threshold.margin(baseline)
    lowest, highest = 1 - margin, 1 + margin
    seen = f"{_percent(ratio.point)} [{_percent(ratio.low)}, {_percent(ratio.high)}]"
    limits = f"{_percent(lowest)} to {_percent(highest)}"
    if lowest <= ratio.low and ratio.high <= highest:
        return Comparison(Change.EQUIVALENT, ratio, f"{seen} lies wholly within {limits}")
    if lowest <= ratio.point <= highest:
        reason = f"{seen} is neither beyond {limits} nor wholly within"
        return Comparison(Change.INCONCLUSIVE, ratio, reason)
    if ratio.low <= 1 <= ratio.high:
        return Comparison(Change.INCONCLUSIVE, ratio, f"{seen} does not exclude no change")
    if p is not None and p > 1 - ratio.level:
        reason = f"{seen} is beyond {limits}, but p = {p:.3g} is above {1 - ratio.level:.3g}"
        return Comparison(Change.INCONCLUSIVE, ratio, reason)
    worse = (ratio.point > 1) == smaller_is_better
    change = Change.REGRESSION if worse else Change.IMPROVEMENT
    return Comparison(change, ratio, f"{seen} is beyond {limits} and excludes no change")


def _percent(ratio: float) -> str:
    return f"{100 * (ratio - 1):+.1f} %"
