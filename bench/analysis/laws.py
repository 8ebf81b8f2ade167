"""Laws that no system can break: where a trial does, the measurement is at fault.

* Little's law, N = X (R + Z): operations in the system are throughput times stay. In a closed loop N is the number of
  clients, which no sample was asked for; in an open loop it is the average over time of the operations between
  intended start and release. It needs flow balance, so it is not applied where a queue grew (Denning and Buzen 1978).
* The bound of a closed loop, X <= N / (R + Z): the same law, broken on the impossible side.
* The utilisation law, U = X S / c <= 1: connections checked out cannot exceed the pool, statements executing cannot
  exceed the server's connections, CPU time cannot exceed the cores.

An operation that straddles an edge of the window counts whole or not at all, which moves X R by at most one stay per
client: the tolerance of 5 % is widened by stay / window.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from bench.analysis.wording import number, percent, rate, seconds
from bench.model.facts import Caveat
from bench.model.sample import Outcome
from bench.model.scenario import ClosedLoop, OpenLoop, UserLoop
from bench.stats import queueing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.analysis.summary import TrialSummary

TOLERANCE = 0.05
FLOW_BALANCE = 0.02
"""Arrivals and departures of a window in balance differ by less than this, or by chance."""
LITTLES_LAW = "littles-law"
OPERATIONAL_BOUND = "operational-bound"
UTILISATION_LAW = "utilisation-law"
BROKEN = (LITTLES_LAW, OPERATIONAL_BOUND, UTILISATION_LAW)


def broken(summary: TrialSummary) -> Iterator[Caveat]:
    """Name each law that the trial breaks."""
    yield from _little(summary)
    yield from _utilisation(summary)


def ramps(summary: TrialSummary) -> bool:
    """Tell whether the load changes by design, so that nothing can be steady."""
    load = summary.scenario.load
    return isinstance(load, OpenLoop) and load.arrival == "ramp"


def population(summary: TrialSummary) -> tuple[float, float]:
    """Return how many there are in the system (N), and how long each thinks (Z, in seconds)."""
    clients = sum(worker.clients for worker in summary.facts.workers)
    match summary.scenario.load:
        case ClosedLoop(think_time=think) | UserLoop(think_time=think):
            return float(clients), think.seconds
        case OpenLoop():
            return summary.concurrency, 0.0


def _balanced(summary: TrialSummary) -> bool:
    difference = abs(summary.arrivals - summary.departures)
    return difference <= max(FLOW_BALANCE * summary.arrivals, 3 * math.sqrt(summary.arrivals))


def _little(summary: TrialSummary) -> Iterator[Caveat]:
    n, think_s = population(summary)
    operation = summary.everything
    is_open = isinstance(summary.scenario.load, OpenLoop)
    if n <= 0 or (is_open and (ramps(summary) or not _balanced(summary))):
        return
    stay_s = operation.cycle_s
    if stay_s is None:
        yield _nothing_ended(summary, n)
        return
    gap = queueing.little(n, operation.ended_rate, stay_s + think_s)
    tolerance = TOLERANCE + stay_s / summary.window_s
    match summary.scenario.load:
        case ClosedLoop():
            tolerance += think_s / summary.window_s
        case UserLoop():
            # Thinking is random and without memory: edges do not matter, but the number of operations varies.
            tolerance += 3 / math.sqrt(operation.ended_rate * summary.window_s)
    if abs(gap) <= tolerance:
        return
    thinking = f" + Z {seconds(think_s)}" if think_s else ""
    terms = (
        f"X {rate(operation.ended_rate)} x (R {seconds(stay_s)}{thinking}) = {number(n * (1 + gap))}, N = {number(n)}"
    )
    if gap > 0 and not is_open:
        bound = queueing.throughput_bound(round(n), stay_s, think_s)
        yield Caveat(
            code=OPERATIONAL_BOUND,
            text=f"{number(n)} clients cannot do {rate(operation.ended_rate)}: the bound is {rate(bound)} ({terms})",
            cure="The measurement is at fault: look for samples counted twice or a clock that jumped.",
            invalidates=True,
        )
        return
    yield Caveat(
        code=LITTLES_LAW,
        text=f"Little's law N = X R is {percent(abs(gap))} off: {terms}",
        cure="Lengthen `run.window` if an operation takes a good part of it; otherwise samples are missing.",
        invalidates=True,
    )


def _nothing_ended(summary: TrialSummary, n: float) -> Caveat:
    unfinished = summary.everything.outcomes.get(Outcome.UNFINISHED.label, 0)
    return Caveat(
        code=LITTLES_LAW,
        text=f"{number(n)} operations were in the system and none ended within {seconds(summary.window_s)} "
        f"({unfinished:,} never did): there is no throughput to speak of",
        cure="Look for a frozen server or pooler, or lengthen `run.window`.",
        invalidates=True,
    )


def _utilisation(summary: TrialSummary) -> Iterator[Caveat]:
    pool = summary.scenario.pool.size
    server, pooler = summary.facts.server, summary.facts.pooler
    # A statement is credited with all its time when it ends, also with what lies before the window.
    tolerance = TOLERANCE + (summary.everything.cycle_s or 0.0) / summary.window_s
    claims = [(summary.in_use, float(pool), "connections of the pool in use", "connections in the pool")]
    if server and server.until_ns > server.since_ns:
        span_s = (server.until_ns - server.since_ns) / 1e9
        executing = sum(statement.total_exec_s for statement in server.statements) / span_s
        connections = float((pooler.pool_size if pooler else 0) or pool)
        claims.append((executing, connections, "statements executing at once", "server connections"))
        if server.cores_busy is not None:
            claims.append((server.cores_busy, float(summary.facts.cores), "cores busy in the server", "cores"))
    for busy, servers, what, of_what in claims:
        utilisation = busy / servers
        if utilisation > 1 + tolerance:
            yield Caveat(
                code=UTILISATION_LAW,
                text=f"on average {number(busy)} {what}, but there are {number(servers)} {of_what} "
                f"({percent(utilisation)} busy)",
                cure="The measurement is at fault: look for counters shared with other load or a clock that jumped.",
                invalidates=True,
            )
