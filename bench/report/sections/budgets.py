"""Budgets: what was observed, with its interval, against the limit, and how much room is left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bench.analysis.summary import key_of
from bench.analysis.wording import count
from bench.model.budget import parse_budget
from bench.report.numbers import interval, limit, point, quantity
from bench.report.words import describe, operation_name, shorten

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.analysis.measurement import Line, Verdict
    from bench.model.budget import Budget
    from bench.report.charts.heat_map import Mark

WORDS: Final = {"pass": "Pass", "fail": "Fail", "inconclusive": "Inconclusive"}
_WORST_FIRST: Final = ("fail", "inconclusive", "pass")


@dataclass(frozen=True, slots=True)
class Scale:
    """Where an interval and its limit stand on a bar of 100 units."""

    low: float
    point: float
    high: float
    limit: float


@dataclass(frozen=True, slots=True)
class BudgetRow:
    """One budget under one treatment as it is printed."""

    budget: str
    operation: str
    treatment: str
    observed: str
    interval: str
    limit: str
    headroom: str
    share: str
    verdict: str
    word: str
    reason: str
    scale: Scale | None


@dataclass(frozen=True, slots=True)
class BudgetSection:
    """``main`` holds the lines that decide the verdict, ``others`` those of treatments that were only explored."""

    lead: str
    main: tuple[BudgetRow, ...]
    others_title: str
    others: tuple[BudgetRow, ...]
    with_treatment: bool


def lay_out_budgets(verdict: Verdict | None, varied: Sequence[str]) -> BudgetSection:
    """Lay out the lines of the gate, those that count first, the worst first."""
    if verdict is None or not verdict.lines:
        return BudgetSection("The scenario sets no budget, so nothing was judged.", (), "", (), with_treatment=False)
    lines = sorted(verdict.lines, key=lambda line: _WORST_FIRST.index(line.verdict))
    mine = [line for line in lines if line.counts]
    rest = [line for line in lines if not line.counts]
    lead = f"The lines that decide the verdict: {_tally(mine)}" if mine else "No line decides the verdict."
    return BudgetSection(
        lead=lead,
        main=tuple(_row(line, varied) for line in mine),
        others_title=f"Treatments that were only explored: {_tally(rest)}",
        others=tuple(_row(line, varied) for line in rest),
        with_treatment=len(varied) > 0,
    )


def budget_of(line: Line) -> Budget:
    """Read the budget of a line again."""
    return parse_budget(line.budget, line.operation)


def strictest_limits(verdict: Verdict | None) -> dict[str, float]:
    """Return the strictest limit on each metric of all operations together."""
    limits: dict[str, float] = {}
    for line in verdict.lines if verdict else ():
        budget = budget_of(line)
        if budget.operation == "*":
            stricter = min if budget.comparator in ("<", "<=") else max
            limits[budget.metric] = stricter(limits.get(budget.metric, line.limit), line.limit)
    return limits


def standings(verdict: Verdict | None) -> dict[tuple[str, object], Mark]:
    """Return what the budgets on all operations together say of each metric and treatment."""
    marks: dict[tuple[str, object], Mark] = {}
    for line in verdict.lines if verdict else ():
        place = (budget_of(line).metric, key_of(line.treatment))
        if line.operation == "*" and line.verdict != "pass" and marks.get(place) != "over":
            marks[place] = "over" if line.verdict == "fail" else "unsure"
    return marks


def _tally(lines: Sequence[Line]) -> str:
    words = {"pass": "kept", "fail": "missed", "inconclusive": "undecided"}
    numbers = {verdict: sum(line.verdict == verdict for line in lines) for verdict in words}
    said = [f"{number} {words[verdict]}" for verdict, number in numbers.items() if number]
    return f"{count(len(lines), 'budget line')}, {', '.join(said)}."


def _row(line: Line, varied: Sequence[str]) -> BudgetRow:
    budget = budget_of(line)
    unit = "%" if line.unit == "1" else line.unit
    upper = budget.comparator in ("<", "<=")
    return BudgetRow(
        budget=shorten(line.budget, 120),
        operation=operation_name(line.operation),
        treatment=describe(line.treatment, varied or None) if line.treatment else "none",
        observed=point(line.observed, unit) if line.observed else "not measured",
        interval=interval(line.observed, unit) if line.observed else "",
        limit=f"{budget.comparator} {limit(line.limit, unit)}",
        headroom=_headroom(line, unit, upper=upper),
        share=_share(line, upper=upper),
        verdict=line.verdict,
        word=WORDS[line.verdict],
        reason=shorten(line.reason, 400),
        scale=_scale(line),
    )


def _headroom(line: Line, unit: str, *, upper: bool) -> str:
    if line.observed is None:
        return ""
    room = line.limit - line.observed.point if upper else line.observed.point - line.limit
    if room == 0:
        return "none"
    return f"{quantity(abs(room), unit)} {'to spare' if room > 0 else 'beyond'}"


def _share(line: Line, *, upper: bool) -> str:
    """Return the headroom as a share of the limit."""
    if line.observed is None or not line.limit:
        return ""
    room = line.limit - line.observed.point if upper else line.observed.point - line.limit
    return f"{abs(100 * room / line.limit):,.0f} % of the limit"


def _scale(line: Line) -> Scale | None:
    if line.observed is None:
        return None
    top = max(line.limit, line.observed.high) * 1.1
    if top <= 0 or line.observed.low < 0:
        return None
    return Scale(
        *(
            round(100 * value / top, 2)
            for value in (line.observed.low, line.observed.point, line.observed.high, line.limit)
        )
    )
