"""Budgets against intervals: pass, fail, or inconclusive; never a pass by default.

A line passes if the whole interval keeps the budget, fails if the whole interval breaks it, and is inconclusive if the
limit lies inside. It is inconclusive too where the measurement is invalid, refused or missing.

Latencies are those of operations that got an answer. Where the share of operations without one (never sent, timed out,
never ended) exceeds what an upper limit on a quantile leaves room for, the line fails: of all operations the quantile
has no bound. Where it is not negligible beside that room, the line cannot pass.

Figures that somebody else reported can fail a line by their own account, but cannot pass one.

In a sweep every treatment has its lines, but most were only explored. The run is judged by the lines that *count*:
those of the recommended pool size, at every load level and for every other combination of swept levels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from bench.analysis.distribution import QUANTILES
from bench.analysis.measurement import Line, Verdict
from bench.analysis.plan_budgets import judge_plans
from bench.analysis.reported import REPORTED
from bench.analysis.summary import key_of
from bench.analysis.validity import MOST_ERRORS, unanswered_share
from bench.analysis.wording import percent, quantity
from bench.model.budget import SHARES
from bench.model.sample import DURATIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bench.analysis.measurement import Judgement, Measurement
    from bench.model.budget import Budget
    from bench.model.facts import PlanFact
    from bench.model.scenario import Level, Scenario

_NEGLIGIBLE = 0.1
"""Part of a quantile's room that operations without an answer may take without being noticed."""


def judge(
    measurements: Sequence[Measurement],
    scenario: Scenario,
    counted: Iterable[Mapping[str, Level]] | None = None,
    plans: Sequence[PlanFact] = (),
) -> Verdict:
    """Judge every budget; ``counted`` are the treatments that decide, all of them if it is None.

    Inconclusive where there is no budget or none of the counted treatments was measured.
    """
    deciding = None if counted is None else {key_of(treatment) for treatment in counted}
    lines = tuple(
        line if deciding is None or not line.treatment or key_of(line.treatment) in deciding else _explored(line)
        for line in judge_lines(measurements, scenario.all_budgets, plans)
    )
    return Verdict(verdict=sum_up(line.verdict for line in lines if line.counts), lines=lines)


def judge_lines(
    measurements: Sequence[Measurement], budgets: Sequence[Budget], plans: Sequence[PlanFact] = ()
) -> tuple[Line, ...]:
    """Judge each budget under each treatment; a budget that matches no measurement gets a line that says so.

    A budget on plans has one line for the whole run.
    """
    lines = []
    for budget in budgets:
        if budget.of_plans:
            lines.append(judge_plans(budget, plans))
            continue
        matching = [measurement for measurement in measurements if measurement.operation == budget.operation]
        lines += [_line(budget, measurement) for measurement in matching] or [_unmatched(budget)]
    return tuple(lines)


def sum_up(verdicts: Iterable[Judgement]) -> Judgement:
    """Fail if any line fails, else inconclusive if any is or there is none, else pass."""
    seen = set(verdicts)
    if "fail" in seen:
        return "fail"
    return "pass" if seen == {"pass"} else "inconclusive"


def _explored(line: Line) -> Line:
    return msgspec.structs.replace(line, counts=False)


def _unmatched(budget: Budget) -> Line:
    return Line(
        budget=budget.text,
        operation=budget.operation,
        treatment={},
        observed=None,
        limit=budget.limit,
        unit=budget.unit,
        verdict="inconclusive",
        reason=f"nothing was measured for operation {budget.operation!r}",
    )


def _line(budget: Budget, measurement: Measurement) -> Line:
    verdict, reason = _judge(budget, measurement)
    return Line(
        budget=budget.text,
        operation=budget.operation,
        treatment=measurement.treatment,
        observed=measurement.metrics.get(budget.metric),
        limit=budget.limit,
        unit=budget.unit,
        verdict=verdict,
        reason=reason,
    )


def _judge(budget: Budget, measurement: Measurement) -> tuple[Judgement, str]:
    observed = measurement.metrics.get(budget.metric)
    beyond = _unanswered(budget, measurement)
    if measurement.valid and beyond is not None and beyond[0] == "fail":
        return beyond
    if observed is None:
        refused = measurement.refused.get(budget.metric)
        return "inconclusive", refused.reason if refused else f"`{budget.metric}` was not measured"
    if any(caveat.code == REPORTED for caveat in measurement.caveats):
        if budget.holds(observed.point):
            return "inconclusive", "reported by somebody else, not measured: it cannot pass"
        return "fail", "by the reported figure itself"
    if not measurement.valid:
        codes = ", ".join(dict.fromkeys(caveat.code for caveat in measurement.caveats if caveat.invalidates))
        return "inconclusive", f"the measurement is invalid: {codes}"
    low, high = budget.holds(observed.low), budget.holds(observed.high)
    if low != high:
        limit = percent(budget.limit) if budget.metric in SHARES else quantity(budget.limit, budget.unit)
        return "inconclusive", f"the limit {limit} lies inside the interval"
    if not low:
        return "fail", ""
    return beyond or ("pass", "")


def _unanswered(budget: Budget, measurement: Measurement) -> tuple[Judgement, str] | None:
    """Judge what the latencies of the answered cannot show; None where that does not matter."""
    duration, _, statistic = budget.metric.partition(".")
    share = unanswered_share(measurement.outcomes)
    if not share or duration not in DURATIONS or budget.comparator not in ("<", "<="):
        return None
    without = f"{percent(share)} of the operations never got an answer"
    if statistic not in QUANTILES:
        room = 0.0 if statistic == "max" else MOST_ERRORS
        return ("inconclusive", f"{without}, so their {statistic} is not known") if share > room else None
    room = 1 - QUANTILES[statistic]
    if share > room:
        return "fail", f"{without}: of all operations, {statistic} has no bound"
    if share > _NEGLIGIBLE * room:
        return "inconclusive", f"{without}, which the {statistic} of the others does not contain"
    return None
