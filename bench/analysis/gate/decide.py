"""One comparison into one line: how large, how evident, and what that means for the gate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from bench.analysis.gate.result import GateLine
from bench.analysis.wording import percent, quantity
from bench.stats.compare import Change, Threshold, judge

if TYPE_CHECKING:
    from bench.analysis.gate.compare import Compared
    from bench.analysis.gate.metrics import Sizes
    from bench.analysis.measurement import Judgement
    from bench.stats.estimate import Estimate


NOT_WORSE: Final = "not worse"


class _Decision(NamedTuple):
    change: Change
    verdict: Judgement
    reason: str
    margin: float | None = None


def decide(one: Compared, p: float | None, sizes: Sizes, floor: float | None) -> GateLine:
    """Judge one comparison; ``p`` is adjusted for the family, ``floor`` the relative noise floor where it is known."""
    seen = one.contrast
    if seen.ratio is not None and one.baseline is not None:
        decision = _by_ratio(one, seen.ratio, one.baseline.point, p, sizes, floor)
    elif seen.difference is not None:
        decision = _by_difference(one, seen.difference, p, sizes)
    else:
        reason = seen.refused.reason if seen.refused else "there is no value to compare"
        decision = _Decision(Change.INCONCLUSIVE, "inconclusive", reason)
    unknown = decision.change is Change.INCONCLUSIVE
    return GateLine(
        kind="comparison",
        name=one.metric,
        operation=one.operation,
        treatment=one.treatment,
        verdict=decision.verdict,
        reason=decision.reason,
        unit=_unit(one),
        observed=one.candidate,
        baseline=one.baseline,
        ratio=seen.ratio,
        difference=seen.difference,
        margin=decision.margin,
        p=p,
        change=NOT_WORSE if decision.verdict == "pass" and unknown else decision.change.value,
    )


def _unit(one: Compared) -> str:
    known = one.candidate or one.baseline
    return known.unit if known else ""


def _by_ratio(
    one: Compared, ratio: Estimate, baseline: float, p: float | None, sizes: Sizes, floor: float | None
) -> _Decision:
    threshold = Threshold(sizes.relative, sizes.absolute(one.metric))
    margin = threshold.margin(baseline)
    judged = judge(ratio, baseline, threshold, smaller_is_better=one.smaller_is_better, p=p)
    change, reason = judged.change, judged.reason
    if change in (Change.REGRESSION, Change.IMPROVEMENT) and floor is not None and abs(ratio.point - 1) <= floor:
        change, reason = Change.INCONCLUSIVE, f"{reason}, but within the noise floor of {percent(floor)}"
    if change is Change.INCONCLUSIVE:
        worst = ratio.high - 1 if one.smaller_is_better else 1 - ratio.low
        if worst <= margin:
            return _Decision(change, "pass", f"not worse by more than {percent(margin)}: {reason}", margin)
        return _Decision(change, "inconclusive", f"{reason}{_sight(one)}", margin)
    return _Decision(change, "fail" if change is Change.REGRESSION else "pass", reason, margin)


def _sight(one: Compared) -> str:
    detectable = one.contrast.detectable
    if detectable is None:
        return ""
    return f"; with this noise and these trials only changes above {percent(detectable)} are seen (power 80 %)"


def _by_difference(one: Compared, difference: Estimate, p: float | None, sizes: Sizes) -> _Decision:
    margin = sizes.absolute(one.metric)
    sign = 1 if one.smaller_is_better else -1
    worse, better = sign * difference.point > margin, sign * difference.point < -margin
    unit = "%" if difference.unit == "1" else difference.unit
    low, point, high = (quantity(value, unit) for value in (difference.low, difference.point, difference.high))
    seen = f"a change of {point} [{low}, {high}]"
    evident = not difference.low <= 0 <= difference.high and (p is None or p <= 1 - difference.level)
    if -margin <= difference.low and difference.high <= margin:
        return _Decision(Change.EQUIVALENT, "pass", f"{seen} lies within {quantity(margin, unit)}")
    if evident and worse:
        return _Decision(Change.REGRESSION, "fail", f"{seen} is beyond {quantity(margin, unit)}")
    if evident and better:
        return _Decision(Change.IMPROVEMENT, "pass", f"{seen} is beyond {quantity(margin, unit)}")
    if one.contrast.spotless:
        return _Decision(Change.INCONCLUSIVE, "pass", f"not one operation failed; so few exclude no more than {high}")
    worst = difference.high if one.smaller_is_better else -difference.low
    if worst <= margin:
        return _Decision(Change.INCONCLUSIVE, "pass", f"not worse by more than {quantity(margin, unit)}: {seen}")
    return _Decision(
        Change.INCONCLUSIVE, "inconclusive", f"{seen} is neither beyond nor wholly within {quantity(margin, unit)}"
    )
