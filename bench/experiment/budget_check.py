"""Budgets of a test: a scenario measured on running servers, or timings that a test took itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bench.analysis.distribution import QUANTILES
from bench.experiment.progress import Silence
from bench.experiment.run import Request, run
from bench.experiment.scenario_file import read_scenario
from bench.model.budget import parse_budget
from bench.model.errors import ScenarioError
from bench.model.scenario_text import Overrides
from bench.report.numbers import limit, shown
from bench.stats.estimate import Refused
from bench.stats.quantiles import quantile_interval
from bench.stats.replicates import mean_interval

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from bench.analysis.measurement import Judgement
    from bench.environment.embedded import Environment
    from bench.experiment.scenario_file import Planned
    from bench.model.budget import Budget
    from bench.model.scenario import Level
    from bench.stats.estimate import Estimate
    from bench.stats.histogram import IntArray


@dataclass(frozen=True, slots=True)
class Checked:
    """One budget of a test and its answer, in a sentence."""

    verdict: Judgement
    text: str


def read_budgets(texts: Sequence[str]) -> list[Budget]:
    """Read budgets; raises ``ScenarioError`` with the nearest name for one that cannot be judged."""
    found = []
    for text in texts:
        try:
            found.append(parse_budget(text))
        except ValueError as error:
            raise ScenarioError(f"budget {text!r}: {error}", remedy="Correct the budget.") from None
    return found


def plan_check(scenario: str, texts: Sequence[str], settings: Mapping[str, Level], *, quick: bool) -> Planned:
    """Read the scenario with the budgets beside its own; raises ``ScenarioError`` before anything runs."""
    read_budgets(texts)
    return read_scenario(scenario, Overrides(settings=dict(settings), budgets=tuple(texts)), quick=quick)


def check_scenario(planned: Planned, environment: Environment, folder: Path) -> tuple[list[Checked], Path]:
    """Measure a scenario and judge the budgets that the test states; also returns the report's path."""
    request = Request(planned, environment, folder / "results", folder / "reports", ("pytest",))
    derived = run(request, Silence())
    stated = set(planned.overrides.budgets)
    lines = [line for line in derived.analysis.verdict.lines if line.counts and line.budget in stated]
    checked = [
        Checked(line.verdict, _sentence(line.budget, line.observed, line.limit, line.unit, line.reason))
        for line in lines
    ]
    return checked or [Checked("inconclusive", "no treatment of the scenario was measured")], derived.report


def check_timings(timings_s: Sequence[float], texts: Sequence[str]) -> list[Checked]:
    """Judge budgets on response times by timings of a test, taken as independent."""
    return [_check_timing(np.rint(np.asarray(timings_s) * 1e9).astype(np.int64), one) for one in read_budgets(texts)]


def require_response_times(texts: Sequence[str]) -> None:
    """Refuse what timings of a test cannot show; raises ``ScenarioError``."""
    for budget in read_budgets(texts):
        duration, _, statistic = budget.metric.partition(".")
        if duration != "response_time" or budget.operation != "*" or statistic not in (*QUANTILES, "mean"):
            raise ScenarioError(
                f"budget {budget.text!r} cannot be judged by the timings of a test",
                remedy="Use `p50` to `p99_9` or `mean` of the response time, or name a `scenario`.",
            )


def _check_timing(timings_ns: IntArray, budget: Budget) -> Checked:
    statistic = budget.metric.partition(".")[2]
    known = (
        mean_interval(timings_ns.tolist(), unit="ns")
        if statistic == "mean"
        else quantile_interval(timings_ns, QUANTILES[statistic])
    )
    if isinstance(known, Refused):
        return Checked("inconclusive", f"{budget.text}: {known.reason}")
    seen = known.scaled(1e-9, "s")
    low, high = budget.holds(seen.low), budget.holds(seen.high)
    verdict: Judgement = "inconclusive" if low != high else "pass" if low else "fail"
    return Checked(verdict, _sentence(budget.text, seen, budget.limit, budget.unit, ""))


def _sentence(text: str, observed: Estimate | None, at: float, unit: str, reason: str) -> str:
    seen = "not measured" if observed is None else shown(observed, "%" if unit == "1" else unit)
    return f"{text}: {seen}, limit {limit(at, '%' if unit == '1' else unit)}" + (f" ({reason})" if reason else "")
