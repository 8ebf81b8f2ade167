"""How often each operation of a mix can be expected to run, before anything runs: a rare one leaves no percentile."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bench.model.scenario import ClosedLoop, OpenLoop, UserLoop
from bench.model.units import Duration
from bench.stats.quantiles import smallest_n

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.model.scenario import Load, Operation, Scenario

LEVEL: Final = 0.95
ROOM: Final = 1.3
"""Counts vary by the square root of themselves: this much more than a p95 needs at least is enough 19 times of 20."""
_LEAST: Final = "p95"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """One operation under one treatment. Counts are of all replicates together, as percentiles are."""

    operation: str
    share: float
    """Of the mix, 0 to 1."""
    windows: int
    window_s: float
    rate: float | None
    """Operations of the whole mix in 1/s at most, known from the load; None where only the answers bound it."""
    statistic: str
    needed: int
    """Good operations that the statistic takes."""

    @property
    def executions(self) -> float | None:
        """Executions to expect at most, in all windows together."""
        return None if self.rate is None else self.rate * self.share * self.windows * self.window_s

    @property
    def needed_rate(self) -> float:
        """Rate of the whole mix from which on the statistic can be told, in 1/s."""
        return self.needed / (self.share * self.windows * self.window_s)

    @property
    def needed_window(self) -> Duration | None:
        """Window that gives enough, in whole seconds; None where the rate is not known."""
        if not self.executions:
            return None
        return Duration(math.ceil(self.window_s * ROOM * self.needed / self.executions) * 1_000_000_000)


def offered(load: Load) -> float | None:
    """Return the highest rate a load can reach by itself, in 1/s; None where only the answers bound it."""
    match load:
        case OpenLoop(rate=rate, ramp_from=ramp_from):
            return max(rate, ramp_from)
        case UserLoop(users=users, think_time=think_ns):
            return users / think_ns.seconds
        case ClosedLoop(clients=clients, think_time=think_ns):
            return clients / think_ns.seconds if think_ns else None


def expect_executions(scenario: Scenario) -> list[Expectation]:
    """Tell for each operation of one treatment that percentiles are of how often it runs, and how often it should."""
    whole = sum(operation.weight for operation in scenario.operation)
    return [
        Expectation(
            operation=operation.name,
            share=operation.weight / whole,
            windows=scenario.run.replicates,
            window_s=scenario.run.window.seconds,
            rate=offered(scenario.load),
            statistic=statistic,
            needed=smallest_n(_share_of(statistic), LEVEL),
        )
        for operation in scenario.operation
        for statistic in _strictest(scenario, operation)
    ]


@dataclass(frozen=True, slots=True)
class Rare:
    """An operation that will run too rarely, where it is rarest, under ``found`` of ``treatments``."""

    at_worst: Expectation
    found: int
    treatments: int

    def __str__(self) -> str:
        one = self.at_worst
        where = f" under {self.found} of {self.treatments} treatments" if self.found < self.treatments else ""
        return (
            f"{one.operation} runs about {one.executions or 0.0:.3g} times at most in {_windows(one)}{where} "
            f"({one.share:.1%} of {one.rate or 0.0:,.0f}/s), its {one.statistic} takes {one.needed:,}: "
            f"set `run.window` to {one.needed_window} or more, or raise its `weight`"
        )


def find_rare(scenarios: Sequence[Scenario]) -> list[Rare]:
    """Return the operations that will run too rarely, the rarest first; one scenario stands for each treatment."""
    found: dict[str, list[Expectation]] = {}
    for scenario in scenarios:
        for one in expect_executions(scenario):
            if one.executions is not None and one.executions < one.needed:
                found.setdefault(one.operation, []).append(one)
    rare = [Rare(min(each, key=_sufficiency), len(each), len(scenarios)) for each in found.values()]
    return sorted(rare, key=lambda one: _sufficiency(one.at_worst))


def tell_hardest(scenarios: Sequence[Scenario]) -> str | None:
    """Say what the rarest operation of a mix takes where only the answers bound the rate; None where the load does."""
    unknown = [one for scenario in scenarios for one in expect_executions(scenario) if one.rate is None]
    one = max(unknown, key=lambda one: one.needed_rate, default=None)
    if one is None or one.share == 1:
        return None
    return (
        f"{one.operation} is {one.share:.1%} of the mix: its {one.statistic} takes {one.needed:,} executions in "
        f"{_windows(one)}, so a throughput of {_at_least(one.needed_rate)}/s or more"
    )


def _sufficiency(one: Expectation) -> float:
    return (one.executions or 0.0) / one.needed


def _windows(one: Expectation) -> str:
    return f"{one.windows} windows" if one.windows > 1 else "one window"


def _at_least(rate: float) -> str:
    """Round up to two digits: a bound that was rounded down would not hold."""
    step = 10.0 ** math.floor(math.log10(rate) - 1)
    return f"{math.ceil(rate / step) * step:,.10g}"


def _strictest(scenario: Scenario, operation: Operation) -> tuple[str, ...]:
    """Return the highest percentile that a budget of the operation asks for, at least p95.

    Nothing for an operation that budgets judge by its mean alone: its author does without its percentiles.
    """
    asked = [budget.metric.partition(".")[2] for budget in scenario.all_budgets if budget.operation == operation.name]
    percentiles = [name for name in asked if name[:1] == "p" and name[1:2].isdigit()]
    if "mean" in asked and not percentiles:
        return ()
    return (max((*percentiles, _LEAST), key=_share_of),)


def _share_of(statistic: str) -> float:
    """Return 0.999 of ``p99_9``."""
    return float(statistic[1:].replace("_", ".")) / 100
