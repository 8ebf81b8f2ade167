"""Doubts about one trial, each with the numbers it rests on and a cure.

What makes a trial invalid is a sign that the *measurement* is wrong: a law that no system can break is broken, the
settings changed while it ran, the operations did something else than they are named for. A system or a generator at
its limit is no such sign. It is named, so that nobody takes one ceiling for another, and the figures stay.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from bench.analysis import laws
from bench.analysis.wording import percent, rate, seconds
from bench.model.facts import Caveat
from bench.model.sample import Outcome
from bench.model.scenario import ClosedLoop, OpenLoop
from bench.stats.steady import SteadyState, Unsteady, steady_state

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bench.analysis.summary import OperationSummary, TrialSummary

SATURATED_CPU = 0.85
"""Share of a core above which a single-threaded worker no longer keeps its timetable."""
SATURATED_POOLER_CPU = 0.9
SATURATED_MACHINE = 0.9
LATE_LOOP_NS = 10_000_000
"""p99 of the event loop's lag above which the loop, not what it waits for, decides when things happen."""
LATE_DISPATCH_S = 1e-3
IDLE_CPU = 0.5
LAG_SHARE = 0.1
"""Share of the mean response time that schedule lag may take while the generator is saturated."""
LEAST_ACHIEVED = 0.99
MOST_ERRORS = 1e-3
MOST_WRONG_ANSWERS = 0.05
PREPARE_THRESHOLD = 6
"""psycopg prepares, and PostgreSQL may change to the generic plan, after five executions on a connection."""
DRIFT = 0.05
DRIFT_OF_RESPONSE = 0.25
GREAT_DRIFT = 0.2
BIAS = 0.02
"""Effect that a warm-up at the head of the window may have on its mean throughput."""
BIAS_OF_RESPONSE = 0.1
GREAT_BIAS = 0.1
FEWEST_PER_BLOCK = 5

WRONG_ANSWERS = (Outcome.CONSTRAINT, Outcome.SQL_ERROR, Outcome.NO_ROWS)
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
    checks = (laws.broken, _settings, _generator, _pooler, _machine, _offered, _unsent, _connections, _steadiness)
    return tuple(caveat for check in checks for caveat in check(summary))


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


def cpu_share(summary: TrialSummary) -> float:
    """Return the CPU share of the busiest worker, of one core. pgbench is one process of several threads."""
    threads = 1
    if summary.scenario.pool.driver == "pgbench":
        threads = max(1, min(summary.facts.cores, summary.scenario.pool.size))
    shares = [worker.cpu_s / worker.wall_s / threads for worker in summary.facts.workers if worker.wall_s > 0]
    return max(shares, default=0.0)


def pooler_share(summary: TrialSummary) -> float | None:
    """Return the pooler's CPU share of one core, None where it is unknown."""
    pooler = summary.facts.pooler
    return None if pooler is None else _share(pooler.cpu_s, pooler.since_ns, pooler.until_ns)


def machine_share(summary: TrialSummary) -> float | None:
    """Return the CPU share of workers, pooler and server together, of all cores; None without the server's."""
    server = summary.facts.server
    server_cpu = None if server is None else _share(server.cpu_s, server.since_ns, server.until_ns)
    if server_cpu is None:
        return None
    workers = sum(worker.cpu_s / worker.wall_s for worker in summary.facts.workers if worker.wall_s > 0)
    return (workers + (pooler_share(summary) or 0.0) + server_cpu) / summary.facts.cores


def _share(cpu_s: float | None, since_ns: int, until_ns: int) -> float | None:
    return None if cpu_s is None or until_ns <= since_ns else cpu_s * 1e9 / (until_ns - since_ns)


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


def _mean_share_of_lag(summary: TrialSummary) -> float:
    durations = summary.everything.durations
    lag, response = durations["schedule_lag"], durations["response_time"]
    return lag.total_ns / response.total_ns if response.total_ns else 0.0


def _generator(summary: TrialSummary) -> Iterator[Caveat]:
    share = cpu_share(summary)
    lag_ns = max((worker.loop_lag_p99_ns for worker in summary.facts.workers), default=0)
    closed = isinstance(summary.scenario.load, ClosedLoop)
    if share >= SATURATED_CPU or lag_ns > LATE_LOOP_NS:
        lag_share = _mean_share_of_lag(summary)
        consequence = (
            "the throughput is the ceiling of the generator, not of the database"
            if closed
            else f"schedule lag is {percent(lag_share)} of the mean response time"
        )
        yield Caveat(
            code="generator-saturated",
            text=f"the busiest load worker used {percent(share)} of a core, its event loop was {seconds(lag_ns / 1e9)} "
            f"late at p99: {consequence}",
            cure="Use more workers (`pool.workers`) or cores, another machine for the load, or the `pgbench` driver.",
            invalidates=not closed and lag_share > LAG_SHARE,
        )
    elif not closed and summary.everything.durations["schedule_lag"].n:
        late_s = summary.everything.durations["schedule_lag"].quantile_ns(0.99) / 1e9
        if late_s > LATE_DISPATCH_S and share < IDLE_CPU and not _places_are_taken(summary):
            yield Caveat(
                code="late-generator",
                text=f"operations began {seconds(late_s)} late at p99, although the busiest worker used only "
                f"{percent(share)} of a core",
                cure="Look for other work on this machine; on a virtual machine, for stolen time.",
            )
    yield from _threshold(summary)


def _places_are_taken(summary: TrialSummary) -> bool:
    """Tell whether operations waited for a free place in flight, which is the scenario's limit, not lateness."""
    load = summary.scenario.load
    return isinstance(load, OpenLoop) and summary.concurrency >= 0.5 * load.max_in_flight


def _threshold(summary: TrialSummary) -> Iterator[Caveat]:
    executed = min((worker.executions_per_connection_min for worker in summary.facts.workers), default=0)
    if executed < PREPARE_THRESHOLD:
        yield Caveat(
            code="prepare-threshold",
            text=f"a connection may have served only {executed} operations before the window; "
            f"up to {PREPARE_THRESHOLD - 1} executions drivers and server may still change how they run a statement",
            cure="Leave `pool.prewarm` on and lengthen `run.warmup`; writes are never primed.",
        )


def _pooler(summary: TrialSummary) -> Iterator[Caveat]:
    share = pooler_share(summary)
    if share is not None and share >= SATURATED_POOLER_CPU:
        yield Caveat(
            code="pooler-saturated",
            text=f"pgBouncer used {percent(share)} of its one core: the throughput is its ceiling, not the database's",
            cure="Fewer round trips per operation (`pool.reset`), or more pgBouncer processes.",
        )


def _machine(summary: TrialSummary) -> Iterator[Caveat]:
    share = machine_share(summary)
    if share is not None and share >= SATURATED_MACHINE:
        yield Caveat(
            code="machine-saturated",
            text=f"generator, pooler and server together used {percent(share)} of {summary.facts.cores} cores: "
            "they take CPU from each other, and the throughput is the ceiling of this machine",
            cure="Run the load from another machine to learn the ceiling of the server alone.",
        )


def _offered(summary: TrialSummary) -> Iterator[Caveat]:
    offered, achieved = summary.everything.offered_rate, summary.everything.throughput
    if offered and achieved / offered < LEAST_ACHIEVED and not laws.ramps(summary):
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


def _connections(summary: TrialSummary) -> Iterator[Caveat]:
    opened = sum(worker.connections_opened for worker in summary.facts.workers)
    if opened:
        yield Caveat(
            code="recycled-connections",
            text=f"{opened:,} connections were opened inside the window: "
            "someone waited for a connect, and fresh connections prepare again",
            cure="Raise `pool.max_queries` and `pool.max_inactive`, and set `pool.min_size` to the pool's size.",
        )


def _steadiness(summary: TrialSummary) -> Iterator[Caveat]:
    if laws.ramps(summary):
        return
    operation = summary.everything
    is_open = isinstance(summary.scenario.load, OpenLoop)
    series = operation.response_blocks_s if is_open else operation.throughput_blocks
    good = operation.outcomes.get(Outcome.OK.label, 0)
    if good < FEWEST_PER_BLOCK * operation.throughput_blocks.size:
        needed = FEWEST_PER_BLOCK * operation.throughput_blocks.size
        yield Caveat(
            code="few-operations",
            text=f"{good:,} good operations are too few to tell whether the window was steady, which takes {needed:,}",
            cure="Lengthen `run.window`.",
        )
        return
    steady = steady_state(series, DRIFT_OF_RESPONSE if is_open else DRIFT)
    what = "response time" if is_open else "throughput"
    if isinstance(steady, Unsteady):
        overloaded = any(caveat.code == "achieved-below-offered" for caveat in _offered(summary))
        change = f"{100 * steady.drift:+.1f} %" if math.isfinite(steady.drift) else "without bound"
        yield Caveat(
            code="no-steady-state",
            text=f"{what} changed by {change} from the first to the second half of the window, beyond its noise",
            cure="Lengthen `run.warmup` and `run.window`; look for autovacuum, checkpoints and other load.",
            invalidates=abs(steady.drift) > GREAT_DRIFT and not is_open and not overloaded,
        )
        return
    start = steady.start if isinstance(steady, SteadyState) else 0
    bias = series.mean() / series[start:].mean() - 1 if start else 0.0
    if abs(bias) > (BIAS_OF_RESPONSE if is_open else BIAS):
        late = summary.window_s * start / series.size
        yield Caveat(
            code="no-steady-state",
            text=f"the first {seconds(late)} of the window still belong to the warm-up: they move its mean {what} by "
            f"{100 * bias:+.1f} %",
            cure="Lengthen `run.warmup`.",
            invalidates=abs(bias) > GREAT_BIAS and not is_open,
        )
