"""The highest offered rate that meets the budgets: which trials passed, and the interval they leave.

A trial passes if, by its own figures, it keeps every budget, completes the share ``LEAST_ACHIEVED`` of what was
offered, and its response times do not grow from quarter to quarter of the window. Budgets on throughput are left out of
that, as a low rate cannot keep them: they are judged against the interval itself.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from bench.analysis.answer import Answer
from bench.analysis.distribution import QUANTILES
from bench.analysis.limits import CEILINGS
from bench.analysis.measurement import ALL_OPERATIONS, Line, Verdict
from bench.analysis.validity import unanswered_share
from bench.analysis.verdict import judge_lines, sum_up
from bench.analysis.wording import count, quantity, rate, seconds
from bench.design.rate_search import Heard, RateSearch
from bench.model.budget import RATES, parse_budget
from bench.model.sample import DURATIONS
from bench.model.scenario import OpenLoop
from bench.stats.quantiles import smallest_n

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.analysis.measurement import Judgement, Measurement
    from bench.analysis.summary import TrialSummary
    from bench.design.rate_search import Bracket
    from bench.model.budget import Budget
    from bench.model.facts import PlanFact
    from bench.model.scenario import Scenario

DEFAULT_BUDGETS = ("p95(response_time) < 100ms", "error_rate < 0.1%")
ANY_RATE = "throughput > 0/s"
"""What the interval is judged by where the scenario states no budget on throughput."""
LEAST_ACHIEVED = 0.98
GROWTH = 2.0
"""Factor between first and last quarter of a window above which a steady rise of response times is a growing queue."""
CEILING = 1e6
"""Rate no client of this kind reaches: the search goes no further."""
_FEWEST_BLOCKS = 20
_ROOM = 1.3
"""An open loop's arrivals vary: this much more than a quantile needs at least."""
_OVERLOADED = "generator-saturated"


class Standing(NamedTuple):
    """How one trial stands: None where it cannot be judged; ``reasons`` why it failed or cannot."""

    passed: bool | None
    reasons: tuple[str, ...]


class Capacity(msgspec.Struct, frozen=True, kw_only=True):
    """The answer, rates in 1/s: every confirming trial at ``low`` passed, at ``high`` failed; None where not found."""

    low: float | None
    high: float | None
    confirmed: int
    """Trials that agree on the less often confirmed end."""
    agreed: dict[str, str]
    """By end, how many of its trials agree, as ``3 of 3``."""
    budgets: tuple[str, ...]
    settled: bool
    """False where the search ended before both ends were confirmed."""
    reasons: tuple[str, ...]
    """What fails at ``high``."""
    ceilings: tuple[str, ...]
    """Whose limit was reached there, where it is not the database's."""
    sentence: str


def rate_budgets(scenario: Scenario) -> tuple[Budget, ...]:
    """Return the budgets that limit the rate: the scenario's own but those on throughput, or the default ones."""
    own = tuple(budget for budget in scenario.all_budgets if budget.is_timed and budget.metric not in RATES)
    return own or tuple(parse_budget(text) for text in DEFAULT_BUDGETS)


def search_rates(scenario: Scenario, confirmations: int) -> RateSearch:
    """Return the search: from the scenario's rate, never below one that fills the window for every budget."""
    if not isinstance(scenario.load, OpenLoop):
        raise TypeError("a rate is searched in an open loop")
    shares = [QUANTILES.get(budget.metric.partition(".")[2], 0.5) for budget in rate_budgets(scenario)]
    floor = _ROOM * max(smallest_n(share, 0.95) for share in shares) / scenario.run.window.seconds
    return RateSearch(float(scenario.load.rate), float(f"{floor:.3g}"), CEILING, confirmations)


def stand(summary: TrialSummary, budgets: Sequence[Budget]) -> Standing:
    """Judge one trial by its own figures."""
    failed = tuple(_failures(summary, budgets))
    if failed:
        return Standing(False, failed)
    invalid = [caveat for caveat in summary.caveats if caveat.invalidates]
    if any(caveat.code == _OVERLOADED for caveat in invalid):
        return Standing(False, tuple(caveat.text for caveat in invalid))
    unknown = [budget.text for budget in budgets if _observe(summary, budget) is None]
    if invalid or unknown or not summary.valid_for():
        texts = [caveat.text for caveat in invalid] or [f"too few operations for {text}" for text in unknown]
        return Standing(None, tuple(texts))
    return Standing(True, ())


def _failures(summary: TrialSummary, budgets: Sequence[Budget]) -> Iterator[str]:
    operation = summary.everything
    offered, achieved = operation.offered_rate or 0.0, operation.throughput
    # What is in flight at both edges differs by chance, the more of it there is.
    chance = 3 * math.sqrt(summary.concurrency + 1) / summary.window_s
    if offered - achieved > max((1 - LEAST_ACHIEVED) * offered, chance):
        yield f"{rate(achieved)} achieved of {rate(offered)}"
    for budget in budgets:
        seen = _observe(summary, budget)
        if seen is not None and not budget.holds(seen):
            unit = "%" if budget.unit == "1" else budget.unit
            yield f"{budget.text}: {quantity(seen, unit)}"
        elif not operation.total or (seen is not None and _unbounded(summary, budget)):
            yield f"{budget.text}: without bound, operations were never answered"
    if _grows(summary):
        yield "response times grow throughout the window"


def _observe(summary: TrialSummary, budget: Budget) -> float | None:
    """Return a budget's metric in one trial, None where there are too few operations."""
    operation = summary.operations[budget.operation]
    if not operation.total:
        return None
    name, _, statistic = budget.metric.partition(".")
    if name not in DURATIONS:
        return operation.error_rate
    distribution = operation.durations[name]
    if not distribution.n:
        return None
    if statistic in QUANTILES:
        enough = distribution.n >= smallest_n(QUANTILES[statistic], 0.95)
        return distribution.quantile_ns(QUANTILES[statistic]) / 1e9 if enough else None
    return (distribution.mean_ns if statistic == "mean" else distribution.max_ns) / 1e9


def _unbounded(summary: TrialSummary, budget: Budget) -> bool:
    """Tell whether more operations went unanswered than a quantile leaves room for."""
    name, _, statistic = budget.metric.partition(".")
    room = 1 - QUANTILES.get(statistic, 1.0)
    return name in DURATIONS and unanswered_share(summary.operations[budget.operation].outcomes) > max(room, 1e-3)


def _grows(summary: TrialSummary) -> bool:
    blocks = summary.everything.response_blocks_s
    if blocks.size < _FEWEST_BLOCKS:
        return False
    quarter = blocks.size // 4
    means = [float(blocks[start : start + quarter].mean()) for start in range(0, 4 * quarter, quarter)]
    return sorted(means) == means and means[-1] > GROWTH * means[0]


def offered_rate(summary: TrialSummary) -> float:
    """Return the rate a trial was to offer, in 1/s."""
    return float(summary.trial.treatment["load.rate"])


def heard_of(summaries: Sequence[TrialSummary], budgets: Sequence[Budget]) -> list[Heard]:
    """Return what the search heard, in order; trials that cannot be judged are left out."""
    found = [(offered_rate(one), stand(one, budgets).passed) for one in summaries]
    return [Heard(offered, passed) for offered, passed in found if passed is not None]


def answer_capacity(scenario: Scenario, confirmations: int, summaries: Sequence[TrialSummary]) -> Capacity:
    """Answer from finished trials, in the order they ran; ``scenario`` is the open loop the search began with."""
    budgets = rate_budgets(scenario)
    bracket = search_rates(scenario, confirmations).bracket(heard_of(summaries, budgets))
    sides = {name: side for name, side in (("low", bracket.low), ("high", bracket.high)) if side}
    above = [one for one in summaries if bracket.high and offered_rate(one) == bracket.high.rate]
    codes = {caveat.code for one in above for caveat in one.caveats}
    reasons = tuple(dict.fromkeys(text for one in above for text in stand(one, budgets).reasons))
    ceilings = tuple(ceiling for code, ceiling in CEILINGS.items() if code in codes)
    return Capacity(
        low=bracket.low.rate if bracket.low else None,
        high=bracket.high.rate if bracket.high else None,
        confirmed=min((side.agreeing for side in sides.values()), default=0),
        agreed={name: f"{side.agreeing} of {side.trials}" for name, side in sides.items()},
        budgets=tuple(budget.text for budget in budgets),
        settled=bracket.settled,
        reasons=reasons,
        ceilings=ceilings,
        sentence=" ".join(_sentences(scenario, bracket, reasons, ceilings)),
    )


def answer_rate(capacity: Capacity, measurements: Sequence[Measurement]) -> Answer:
    """Return the answer of the run: it speaks for the highest rate that passed, or the lowest one tried."""
    rates = (capacity.low, capacity.high)
    found = [one.treatment for rate in rates for one in measurements if one.treatment.get("load.rate") == rate]
    return Answer(headline=capacity.sentence, subjects=(), formula=None, recommended=tuple(found[:1]))


def judge_capacity(
    capacity: Capacity, scenario: Scenario, measurements: Sequence[Measurement], plans: Sequence[PlanFact] = ()
) -> Verdict:
    """Judge the interval by the budgets on throughput, and buffers and plans at its lower end.

    The trials' own budget lines are shown and do not count.
    """
    overall = (one for one in measurements if one.operation == ALL_OPERATIONS)
    at_low = next((one for one in overall if one.treatment.get("load.rate") == capacity.low), None)
    wanted = [budget for budget in scenario.all_budgets if budget.metric == "throughput"]
    lines = tuple(
        Line(
            budget=budget.text,
            operation=budget.operation,
            treatment=at_low.treatment if at_low else {},
            observed=at_low.metrics.get("throughput") if at_low else None,
            limit=budget.limit,
            unit=budget.unit,
            verdict=_judge(budget, capacity),
            reason=capacity.sentence,
        )
        for budget in wanted or [parse_budget(ANY_RATE)]
    )
    there = [one for one in measurements if at_low and one.treatment == at_low.treatment]
    lines += judge_lines(there, [budget for budget in scenario.all_budgets if not budget.is_timed], plans)
    explored = judge_lines(measurements, rate_budgets(scenario))
    kept = (msgspec.structs.replace(line, counts=False) for line in explored)
    return Verdict(verdict=sum_up(line.verdict for line in lines), lines=(*lines, *kept))


def _judge(budget: Budget, capacity: Capacity) -> Judgement:
    """Pass if the rate that was kept is enough, fail if the rate that was not kept would not be either."""
    low, high = capacity.low, capacity.high
    if not capacity.settled:
        return "inconclusive"
    if low is not None and budget.holds(low):
        return "pass"
    return "fail" if low is None or (high is not None and not budget.holds(high)) else "inconclusive"


def _interval(scenario: Scenario, bracket: Bracket) -> str:
    budgets = ", ".join(budget.text for budget in rate_budgets(scenario))
    low, high = bracket.low, bracket.high
    if not bracket.settled:
        known = " and ".join(rate(side.rate) for side in (low, high) if side)
        return f"The search did not settle{f', it got to {known}' if known else ''}: {budgets}."
    if low is None and high is not None:
        window = seconds(scenario.run.window.seconds)
        return f"Not even {rate(high.rate)}, the least that a window of {window} can judge, keep {budgets}."
    if low is not None and high is not None:
        return (
            f"Capacity: {rate(low.rate)} keep {budgets} ({low.agreeing} of {count(low.trials, 'trial')}), "
            f"{rate(high.rate)} do not ({high.agreeing} of {high.trials})."
        )
    return f"Every rate up to {rate(CEILING)} keeps {budgets}."


def _sentences(scenario: Scenario, bracket: Bracket, reasons: Sequence[str], ceilings: Sequence[str]) -> Iterator[str]:
    yield _interval(scenario, bracket)
    if not any(budget.is_timed and budget.metric not in RATES for budget in scenario.all_budgets):
        yield "The scenario states no such budget: these are the defaults."
    if bracket.high and reasons:
        yield f"At {rate(bracket.high.rate)}: {reasons[0]}."
    if ceilings:
        yield f"That is {' and '.join(ceilings)}: the database may do more."
