"""Whose ceiling was measured: the share of CPU that generator, pooler and machine used, and what it means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.analysis.wording import percent, seconds
from bench.model.facts import Caveat
from bench.model.scenario import ClosedLoop, OpenLoop

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.analysis.summary import TrialSummary

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


def ceilings(summary: TrialSummary) -> Iterator[Caveat]:
    """Name everything that was at its limit."""
    yield from _generator(summary)
    yield from _pooler(summary)
    yield from _machine(summary)


def cpu_share(summary: TrialSummary) -> float:
    """Return the CPU share of the busiest worker, of one core. pgbench is one process of several threads."""
    threads = 1
    if summary.scenario.pool.driver == "pgbench":
        threads = max(1, min(summary.facts.cores, summary.scenario.pool.size))
    shares = [worker.cpu_s / worker.wall_s / threads for worker in summary.facts.workers if worker.wall_s > 0]
    return max(shares, default=0.0)


def busy_share(summary: TrialSummary) -> float | None:
    """Return the share of time in which the busiest worker had something to do, with a core or waiting for one."""
    shares = [
        (worker.cpu_s + worker.queued_s) / worker.wall_s
        for worker in summary.facts.workers
        if worker.wall_s > 0 and worker.queued_s is not None
    ]
    return max(shares, default=None)


def pooler_share(summary: TrialSummary) -> float | None:
    """Return the CPU share of one core of the pooler's busiest process, None where it is unknown."""
    pooler = summary.facts.pooler
    if pooler is None:
        return None
    busiest = pooler.cpu_s if pooler.busiest_cpu_s is None else pooler.busiest_cpu_s
    return _share(busiest, pooler.since_ns, pooler.until_ns)


def server_share(summary: TrialSummary) -> float | None:
    """Return the CPU share of the server's processes, of all cores; None where it is unknown."""
    server = summary.facts.server
    busy = None if server is None else server.cores_busy
    return None if busy is None else busy / summary.facts.cores


def machine_share(summary: TrialSummary) -> float | None:
    """Return the CPU share of workers, pooler and server together, of all cores; None without the server's."""
    server = server_share(summary)
    if server is None:
        return None
    workers = sum(worker.cpu_s / worker.wall_s for worker in summary.facts.workers if worker.wall_s > 0)
    pooler = summary.facts.pooler
    pooler_cpu = None if pooler is None else _share(pooler.cpu_s, pooler.since_ns, pooler.until_ns)
    return server + (workers + (pooler_cpu or 0.0)) / summary.facts.cores


def _share(cpu_s: float | None, since_ns: int, until_ns: int) -> float | None:
    return None if cpu_s is None or until_ns <= since_ns else cpu_s * 1e9 / (until_ns - since_ns)


def _mean_share_of_lag(summary: TrialSummary) -> float:
    durations = summary.everything.durations
    lag, response = durations["schedule_lag"], durations["response_time"]
    return lag.total_ns / response.total_ns if response.total_ns else 0.0


def _generator(summary: TrialSummary) -> Iterator[Caveat]:
    share = cpu_share(summary)
    lag_ns = max((worker.loop_lag_p99_ns for worker in summary.facts.workers), default=0)
    closed = isinstance(summary.scenario.load, ClosedLoop)
    if share >= SATURATED_CPU or lag_ns > LATE_LOOP_NS:
        yield _overwhelmed(summary, share, lag_ns, closed=closed)
    elif not closed and summary.everything.durations["schedule_lag"].n:
        late_s = summary.everything.durations["schedule_lag"].quantile_ns(0.99) / 1e9
        if late_s > LATE_DISPATCH_S and share < IDLE_CPU and not _places_are_taken(summary):
            yield Caveat(
                code="late-generator",
                text=f"operations began {seconds(late_s)} late at p99, although the busiest worker used only "
                f"{percent(share)} of a core",
                cure="Look for other work on this machine; on a virtual machine, for stolen time.",
            )


def _overwhelmed(summary: TrialSummary, share: float, lag_ns: int, *, closed: bool) -> Caveat:
    """Name a generator that does not keep up: by its own work, or because others took the CPU it needed."""
    lag_share = _mean_share_of_lag(summary)
    starved = share < IDLE_CPU
    ceiling = "what others left to the generator" if starved else "the ceiling of the generator"
    consequence = (
        f"the throughput is {ceiling}, not that of the database"
        if closed
        else f"schedule lag is {percent(lag_share)} of the mean response time"
    )
    return Caveat(
        code="generator-starved" if starved else "generator-saturated",
        text=f"the busiest load worker used {percent(share)} of a core, its event loop was {seconds(lag_ns / 1e9)} "
        f"late at p99: {consequence}",
        cure="Stop other work on this machine, or load the server from another one."
        if starved
        else "Use more workers (`pool.workers`) or cores, another machine for the load, or the `pgbench` driver.",
        invalidates=not closed and lag_share > LAG_SHARE,
    )


def _places_are_taken(summary: TrialSummary) -> bool:
    """Tell whether operations waited for a free place in flight, which is the scenario's limit, not lateness."""
    load = summary.scenario.load
    return isinstance(load, OpenLoop) and summary.concurrency >= 0.5 * load.max_in_flight


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
