"""One trial: samples and facts in, a summary out. A million samples take well under two seconds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from bench.analysis.distribution import BLOCKS, reduce
from bench.analysis.disturbances import recoveries
from bench.analysis.measurement import ALL_OPERATIONS
from bench.analysis.split import (
    ClientMeans,
    Counted,
    count_per_operation,
    count_waits,
    operation_split,
    split_latency,
)
from bench.analysis.statements import sort_statements
from bench.analysis.summary import OperationSummary, TrialSummary
from bench.analysis.validity import doubts, operation_doubts
from bench.analysis.window import between, ends_ns, select, time_average
from bench.model.sample import DURATIONS, MISSING_NS, Outcome
from bench.model.scenario import OpenLoop

if TYPE_CHECKING:
    import numpy.typing as npt

    from bench.analysis.distribution import Distribution
    from bench.analysis.split import Split
    from bench.analysis.statements import StatementTimes
    from bench.design.plan import Trial
    from bench.model.facts import TrialFacts
    from bench.model.sample import Nanoseconds, Samples
    from bench.model.scenario import Scenario

    Mask = npt.NDArray[np.bool_]

SERIES_BLOCKS = 60
"""Blocks of the series that are tested for a steady state, which needs at least 50."""


def summarise(trial: Trial, facts: TrialFacts, samples: Samples, scenario: Scenario) -> TrialSummary:
    """Reduce one trial; the samples can be dropped afterwards. Which operations count is told in ``window``."""
    reduction = _Reduction(facts, samples, scenario)
    window = reduction.window
    left = ends_ns(samples, window.end_ns)
    checked_out = samples.acquired_ns != MISSING_NS
    waiting = samples.dispatched_ns != MISSING_NS
    got = np.where(checked_out, samples.acquired_ns, left)
    answered = np.where(samples.completed_ns == MISSING_NS, left, samples.completed_ns)
    summary = TrialSummary(
        trial=trial,
        scenario=scenario,
        facts=facts,
        window_s=window.length_s,
        operations=reduction.operations(),
        concurrency=time_average(samples.intended_ns, left, window),
        in_use=time_average(samples.acquired_ns[checked_out], answered[checked_out], window),
        pending=time_average(samples.dispatched_ns[waiting], got[waiting], window),
        arrivals=int(between(samples.intended_ns, window.start_ns, window.end_ns).sum()),
        departures=int(between(left, window.start_ns, window.end_ns).sum()),
        round_trips=reduction.pooler_count("total_query_count"),
        assignments=reduction.pooler_count("total_server_assignment_count"),
        recoveries=recoveries(samples, facts),
    )
    checked = {name: replace(op, caveats=operation_doubts(op)) for name, op in summary.operations.items()}
    summary = replace(summary, operations=checked)
    return replace(summary, caveats=(*facts.notes, *doubts(summary)))


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """The rows of one operation."""

    name: str
    mine: Mask


class _Reduction:
    """The steps of one reduction, which share the window and the counters."""

    def __init__(self, facts: TrialFacts, samples: Samples, scenario: Scenario) -> None:
        self._facts = facts
        self._samples = samples
        self._scenario = scenario
        self.window = select(samples, facts, scenario.load)
        self._left = ends_ns(samples, self.window.end_ns)
        self._times = sort_statements(facts.server, scenario.operation) if facts.server else None
        self._in_pooler = self._ended_between(facts.pooler)
        self._in_server = self._ended_between(facts.server)

    def _ended_between(self, readings: object) -> Mask:
        """Mark the operations that ended on a connection between two readings of counters."""
        since = getattr(readings, "since_ns", 0)
        until = getattr(readings, "until_ns", 0)
        used = self._samples.acquired_ns != MISSING_NS
        ended: Mask = used & between(self._samples.completed_ns, since, until)
        return ended

    def pooler_count(self, column: str) -> float | None:
        """Return a pooler counter per operation, None where there is none."""
        pooler = self._facts.pooler
        return None if pooler is None else count_per_operation(pooler, column, int(self._in_pooler.sum()))

    def operations(self) -> dict[str, OperationSummary]:
        """Summarise all operations together, then each."""
        names = self._facts.operations
        everything = self._summarise(_Rows(ALL_OPERATIONS, np.ones(len(self._samples), dtype=np.bool_)))
        if len(names) == 1:
            return {ALL_OPERATIONS: everything, names[0]: replace(everything, name=names[0])}
        each = [self._summarise(_Rows(name, self._samples.operation == index)) for index, name in enumerate(names)]
        return {ALL_OPERATIONS: everything, **{operation.name: operation for operation in each}}

    def _summarise(self, rows: _Rows) -> OperationSummary:
        window, samples = self.window, self._samples
        counted, good = window.counted & rows.mine, window.good & rows.mine
        completed = window.completed & rows.mine
        labels = np.bincount(samples.outcome[counted], minlength=len(Outcome))
        ended = between(self._left, window.start_ns, window.end_ns) & rows.mine
        cycles = self._left[ended] - samples.intended_ns[ended]
        durations, response_blocks = self._durations(good)
        return OperationSummary(
            name=rows.name,
            outcomes={outcome.label: int(labels[outcome]) for outcome in Outcome if labels[outcome]},
            throughput=int(completed.sum()) / window.length_s,
            offered_rate=self._offered(counted),
            durations=durations,
            cycle_s=float(cycles.mean()) / 1e9 if cycles.size else None,
            ended_rate=cycles.size / window.length_s,
            throughput_blocks=self._per_block(samples.completed_ns[completed]) * (SERIES_BLOCKS / window.length_s),
            response_blocks_s=response_blocks,
            failure_blocks=self._per_block(self._failed_ns(counted & ~good)) * (SERIES_BLOCKS / window.length_s),
            split=self._split(rows, durations),
            retries=self._retries(rows),
        )

    def _retries(self, rows: _Rows) -> float | None:
        """Workers count over the whole trial, so the operations of the whole trial are what they are held against."""
        retrying = {operation.name for operation in self._scenario.operation if operation.retry is not None}
        wanted = retrying if rows.name == ALL_OPERATIONS else retrying & {rows.name}
        executed = int(rows.mine.sum())
        if not wanted or not executed:
            return None
        return sum(worker.retries.get(name, 0) for worker in self._facts.workers for name in wanted) / executed

    def _offered(self, counted: Mask) -> float | None:
        if not isinstance(self._scenario.load, OpenLoop):
            return None
        return int(counted.sum()) / self.window.length_s

    def _durations(self, good: Mask) -> tuple[dict[str, Distribution], npt.NDArray[np.float64]]:
        rows = self._samples.where(good)
        order = np.argsort(self.window.placed_ns[good], kind="stable")
        placed = self.window.placed_ns[good][order]
        start, length = self.window.start_ns, self.window.end_ns - self.window.start_ns
        edges = np.searchsorted(placed, [start + length * block // BLOCKS for block in range(1, BLOCKS)]).tolist()
        columns = {name: rows.duration(name)[order] for name in DURATIONS}
        durations = {name: reduce(column, edges) for name, column in columns.items()}
        block = (placed - start) * SERIES_BLOCKS // length
        number = np.bincount(block, minlength=SERIES_BLOCKS)
        total = np.bincount(block, weights=columns["response_time"], minlength=SERIES_BLOCKS)
        filled = number > 0
        return durations, total[filled] / number[filled] / 1e9

    def _failed_ns(self, failed: Mask) -> Nanoseconds:
        """Place failed operations like good ones; those that never ended stand at the window's end."""
        placed, last = self.window.placed_ns[failed], self.window.end_ns - 1
        return np.where(placed == MISSING_NS, last, np.clip(placed, self.window.start_ns, last))

    def _per_block(self, instants_ns: Nanoseconds) -> npt.NDArray[np.float64]:
        start, length = self.window.start_ns, self.window.end_ns - self.window.start_ns
        block = (instants_ns - start) * SERIES_BLOCKS // length
        return np.bincount(block, minlength=SERIES_BLOCKS).astype(np.float64)

    def _split(self, rows: _Rows, durations: dict[str, Distribution]) -> Split:
        client = _client_means(durations)
        in_server = int((self._in_server & rows.mine).sum())
        if rows.name != ALL_OPERATIONS:
            return operation_split(client, self._times, rows.name, in_server)
        pooled = self._scenario.pooler.kind != "none"
        assignments, wait_s = count_waits(self._facts.pooler, int(self._in_pooler.sum()), pooled=pooled)
        return split_latency(client, _counted(assignments, wait_s, self._times, in_server))


def _counted(assignments: float | None, wait_s: float | None, times: StatementTimes | None, operations: int) -> Counted:
    if times is None or not operations:
        return Counted(assignments, wait_s, None, 0.0, 0.0)
    return Counted(
        assignments,
        wait_s,
        times.load_s / operations,
        times.release_s / operations,
        times.release_calls / operations,
    )


def _client_means(durations: dict[str, Distribution]) -> ClientMeans | None:
    if not durations["service_time"].n:
        return None
    names = ("schedule_lag", "pool_wait", "service_time", "hold_time")
    return ClientMeans(*(durations[name].mean_ns / 1e9 for name in names))
