"""From the trials of a tuning to the pairs of each candidate: which belong together, and which metrics decide."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from bench.analysis.measurement import ALL_OPERATIONS
from bench.analysis.tuning.candidate import CHANGE, SCOUT, START
from bench.analysis.tuning.decision import THROUGHPUT, Decision, Series, decide
from bench.model.scenario import ClosedLoop
from bench.stats.quantiles import smallest_n

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.analysis.summary import TrialSummary
    from bench.analysis.tuning.candidate import Tuning
    from bench.model.scenario import Scenario

QUANTILE = 0.95
ENOUGH = 400
"""Operations in a window: the mean of so many has a standard error of 5 % where they vary as much as they last."""
TURNS = 10
"""Mean response times in a window: what is in flight at its edges must be a small part of it."""
LONGEST = 5
"""A window of pairs is at most so many times the scenario's."""


class Pair(NamedTuple):
    """Two neighbours in time."""

    before: TrialSummary
    after: TrialSummary

    def usable(self, operation: str) -> bool:
        """Tell whether both sides count and have operations to compare."""
        sides = (self.before, self.after)
        return all(
            side.valid_for(operation) and side.operations[operation].durations["response_time"].n for side in sides
        )


def pairs_of(identity: str, summaries: Sequence[TrialSummary]) -> list[Pair]:
    """Return the whole pairs of a candidate in their order. The sides of a pair share a block of the plan."""
    changed = {one.trial.block: one for one in summaries if one.trial.treatment.get(CHANGE) == identity}
    started = {one.trial.block: one for one in summaries if one.trial.treatment.get(CHANGE) == START}
    return [Pair(started[block], changed[block]) for block in sorted(changed) if block in started]


def scouts(summaries: Sequence[TrialSummary]) -> list[TrialSummary]:
    """Return the trials from which the ideas came; they never decide on one."""
    return [one for one in summaries if one.trial.treatment.get(CHANGE) == SCOUT]


def paired_window_s(scenario: Scenario, summaries: Sequence[TrialSummary]) -> float:
    """Return the window of pairs in seconds: the scenario's, or what slow operations need, as seen at the start.

    That is as long as ``ENOUGH`` operations take, and ``TURNS`` response times. With a few dozen operations in each
    window pairs would differ by chance alone, and no budget of time decide.
    """
    own_s = scenario.run.window.seconds
    seen = [
        one for one in scouts(summaries) if one.scenario.pool.size == scenario.pool.size and one.everything.ended_rate
    ]
    needed = [
        max(ENOUGH / one.everything.ended_rate, TURNS * one.everything.durations["response_time"].mean_ns / 1e9)
        for one in seen
    ]
    return min(max([own_s, *needed]), LONGEST * own_s)


def aim(scenario: Scenario, summaries: Sequence[TrialSummary], operation: str) -> str:
    """Return the metric that decides: ``p95``, or ``mean`` where a trial has too few operations for that."""
    counts = [
        one.operations[operation].durations["response_time"].n
        for one in scouts(summaries)
        if one.scenario.pool.size == scenario.pool.size
    ]
    return "p95" if counts and min(counts) >= smallest_n(QUANTILE, QUANTILE) else "mean"


def judge_candidate(
    identity: str, operation: str, scenario: Scenario, summaries: Sequence[TrialSummary], tuning: Tuning
) -> Decision:
    """Judge one candidate, or the combination, by all of its pairs so far."""
    if identity in tuning.failed:
        return Decision(outcome="undecided", reason=f"it could not be measured: {tuning.failed[identity]}", pairs=0)
    whole = pairs_of(identity, summaries)
    pairs = [pair for pair in whole if pair.usable(operation)]
    name = aim(scenario, summaries, operation)
    series = {
        name: Series(
            [_response_s(pair.before, operation, name) for pair in pairs],
            [_response_s(pair.after, operation, name) for pair in pairs],
            smaller_is_better=True,
        )
    }
    if isinstance(scenario.load, ClosedLoop):
        series[THROUGHPUT] = Series(
            [pair.before.everything.throughput for pair in pairs],
            [pair.after.everything.throughput for pair in pairs],
            smaller_is_better=False,
        )
    return decide(series, tuning.family, errors=_errors(whole))


def _response_s(summary: TrialSummary, operation: str, name: str) -> float:
    distribution = summary.operations[operation].durations["response_time"]
    return (distribution.mean_ns if name == "mean" else distribution.quantile_ns(QUANTILE)) / 1e9


def _errors(pairs: Sequence[Pair]) -> tuple[float, float]:
    """Return the mean share of operations that fail, at the start and changed."""
    if not pairs:
        return 0.0, 0.0
    before, after = zip(*((p.before.everything.error_rate, p.after.everything.error_rate) for p in pairs), strict=True)
    return float(np.mean(before)), float(np.mean(after))


def known_operation(operation: str, scenario: Scenario) -> str:
    """Return the operation to look at; where the scenario has a single one, all together are the same."""
    names = {one.name for one in scenario.operation}
    return operation if operation in names and len(names) > 1 else ALL_OPERATIONS
