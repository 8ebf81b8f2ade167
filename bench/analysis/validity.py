"""Doubts about one trial, each with the numbers it rests on and a cure.

What makes a trial invalid is a sign that the *measurement* is wrong: a law that no system can break is broken, the
settings changed while it ran, the operations did something else than they are named for. A system or a generator at
its limit is no such sign. It is named, so that nobody takes one ceiling for another, and the figures stay.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from bench.analysis import laws
from bench.analysis.disturbances import tell_recoveries
from bench.analysis.saturation import ceilings
from bench.analysis.steadiness import unsteadiness
from bench.analysis.wording import percent, rate, seconds
from bench.model.facts import Caveat
from bench.model.sample import Outcome
from bench.model.scenario import OpenLoop
from bench.stats.recovery import find_outages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from bench.analysis.summary import OperationSummary, TrialSummary

LEAST_ACHIEVED = 0.99
OUTAGE = "outage"
MOST_ERRORS = 1e-3
MOST_WRONG_ANSWERS = 0.05
PREPARE_THRESHOLD = 6
"""psycopg prepares, and PostgreSQL may change to the generic plan, after five executions on a connection."""

WRONG_ANSWERS = (Outcome.CONSTRAINT, Outcome.SQL_ERROR, Outcome.NO_ROWS, Outcome.NOT_REFUSED)
"""Ends that say the workload is not what it claims to be, rather than that the system is at its limit."""
UNANSWERED = (
    Outcome.POOL_TIMEOUT,
    Outcome.QUERY_TIMEOUT,
    Outcome.CONNECTION_LOST,
    Outcome.REFUSED,
    Outcome.NOT_SENT,
    Outcome.UNFINISHED,
)
"""Ends without an answer: the user waited at least as long as the operation lasted."""


def doubts(summary: TrialSummary) -> tuple[Caveat, ...]:
    """Return the caveats of a trial as a whole."""
    if not summary.everything.total:
        return (_empty_window(summary),)
    checks = (laws.broken, _settings, _outages, ceilings, _offered, _unsent)
    return tuple(caveat for check in (*checks, *_of_state(summary)) for caveat in check(summary))


def _of_state(summary: TrialSummary) -> tuple[Callable[[TrialSummary], Iterator[Caveat]], ...]:
    """Return the checks of a steady state, or what stands for them where there cannot be one."""
    if summary.recoveries:
        return (_threshold, _disturbed)
    return (_transient,) if summary.scenario.run.expect == "transient" else (_threshold, _connections, unsteadiness)


def operation_doubts(operation: OperationSummary) -> tuple[Caveat, ...]:
    """Return the caveats of one operation (or of all together): how many failed, and how."""
    if operation.error_rate <= MOST_ERRORS:
        return ()
    failed = {label: count for label, count in operation.outcomes.items() if label != "ok"}
    kinds = ", ".join(f"{label} {count:,}" for label, count in sorted(failed.items(), key=lambda item: -item[1]))
    wrong = sum(failed.get(outcome.label, 0) for outcome in WRONG_ANSWERS) / operation.total
    return (
        Caveat(
            code="errors",
            text=f"{percent(operation.error_rate)} of {operation.total:,} operations did not end well: {kinds}",
            cure="Look at the outcomes named; latencies speak of the others only.",
            invalidates=wrong > MOST_WRONG_ANSWERS,
        ),
    )


def unanswered_share(outcomes: Mapping[str, int]) -> float:
    """Return the share of operations that never got an answer; 0 where there were none at all."""
    total = sum(outcomes.values())
    return sum(outcomes.get(outcome.label, 0) for outcome in UNANSWERED) / total if total else 0.0


def _empty_window(summary: TrialSummary) -> Caveat:
    return Caveat(
        code="empty-window",
        text=f"no operation belongs to the window of {seconds(summary.window_s)}",
        cure="Make `run.window` longer than one operation takes, and look for a frozen server or pooler.",
        invalidates=True,
    )


def _settings(summary: TrialSummary) -> Iterator[Caveat]:
    changed = summary.facts.server.settings_changed if summary.facts.server else {}
    if changed:
        list_of = "; ".join(f"{name} from {before} to {after}" for name, (before, after) in sorted(changed.items()))
        yield Caveat(
            code="settings-drift",
            text=f"server settings changed during the window: {list_of}",
            cure="Keep others from reconfiguring the server, then run the trial again.",
            invalidates=True,
        )


def _outages(summary: TrialSummary) -> Iterator[Caveat]:
    """Name each time in which hardly anything ended well, and how long it took until as much did as usual."""
    series = summary.everything.throughput_blocks
    if laws.ramps(summary) or not series.size:
        return
    block_s = summary.window_s / series.size
    for outage in find_outages(series * block_s):
        since = seconds(outage.first * block_s)
        if outage.recovered is None:
            lasted = "until its end"
        else:
            lasted = f"and took {seconds((outage.recovered - outage.first) * block_s)} to recover"
        yield Caveat(
            code=OUTAGE,
            text=f"{since} into the window hardly any operation ended well, {lasted}",
            cure="Look at the outcomes of that time and at the logs of server and pooler.",
        )


def _threshold(summary: TrialSummary) -> Iterator[Caveat]:
    executed = min((worker.executions_per_connection_min for worker in summary.facts.workers), default=0)
    if executed < PREPARE_THRESHOLD:
        yield Caveat(
            code="prepare-threshold",
            text=f"a connection may have served only {executed} operations before the window; "
            f"up to {PREPARE_THRESHOLD - 1} executions drivers and server may still change how they run a statement",
            cure="Leave `pool.prewarm` on and lengthen `run.warmup`; writes are never primed.",
        )


def _offered(summary: TrialSummary) -> Iterator[Caveat]:
    if not isinstance(summary.scenario.load, OpenLoop) or laws.ramps(summary):
        return
    left_over = summary.arrivals - summary.departures
    # The number in a steady system varies too, by about the root of its mean.
    if left_over > max((1 - LEAST_ACHIEVED) * summary.arrivals, 3 * math.sqrt(max(1.0, summary.concurrency))):
        offered, achieved = summary.arrivals / summary.window_s, summary.departures / summary.window_s
        yield Caveat(
            code="achieved-below-offered",
            text=f"{rate(offered)} were offered and {rate(achieved)} achieved: the queue grew, "
            "so response times depend on the length of the window",
            cure="Offer less, or find the highest rate that is kept with `bench capacity`.",
        )


def _unsent(summary: TrialSummary) -> Iterator[Caveat]:
    outcomes = summary.everything.outcomes
    counts = {outcome.label: outcomes.get(outcome.label, 0) for outcome in (Outcome.NOT_SENT, Outcome.UNFINISHED)}
    lost = sum(counts.values())
    if lost:
        share = percent(lost / summary.everything.total)
        yield Caveat(
            code="unsent-operations",
            text=f"{counts['not_sent']:,} operations were never sent and {counts['unfinished']:,} never ended "
            f"({share}): latencies cannot contain them, so the tail is worse than shown",
            cure="Offer less, raise `load.max_in_flight`, or give a pool timeout (`pool.acquire_timeout`).",
        )


def _transient(summary: TrialSummary) -> Iterator[Caveat]:
    """Stand in for the checks of a steady state where the scenario is about the time before it."""
    opened = sum(worker.connections_opened for worker in summary.facts.workers)
    yield Caveat(
        code="transient",
        text=f"the window holds a start by design: {opened:,} connections were opened in it, nothing had to be steady, "
        "and all figures depend on its length",
        cure='For figures that last, leave out `run.expect = "transient"` and give `run.warmup`.',
    )


def _disturbed(summary: TrialSummary) -> Iterator[Caveat]:
    return tell_recoveries(summary.recoveries, summary.facts.window_start_ns)


def _connections(summary: TrialSummary) -> Iterator[Caveat]:
    opened = sum(worker.connections_opened for worker in summary.facts.workers)
    if opened:
        yield Caveat(
            code="recycled-connections",
            text=f"{opened:,} connections were opened inside the window: "
            "someone waited for a connect, and fresh connections prepare again",
            cure="Raise `pool.max_queries` and `pool.max_inactive`, and set `pool.min_size` to the pool's size.",
        )
