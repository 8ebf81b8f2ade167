"""PO01-queue: the pool is too small: operations wait for a connection while nothing else is at its limit.

Trigger: under a treatment of the answer, with no larger pool measured beside it, the wait for a connection, in the pool
or in the pooler, takes more than a tenth of the budget (of the mean response time without one), and server, pooler,
generator and machine have room (``bench.analysis.bottleneck``). Little's law gives the size: connections in use =
throughput x time each is held. In a closed loop the throughput grows with the pool, so it is bounded from above as
Denning and Buzen (1978) do it: by the clients, X <= N / (S + Z), and by what the next limit still has room for.

Source: Little 1961; https://www.pgbouncer.org/usage.html#show-pools (maxwait); the factor 1.2 is a rule of thumb.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from bench.analysis.answer import SIZE
from bench.analysis.bottleneck import headroom
from bench.analysis.laws import population
from bench.analysis.measurement import Finding, Patch
from bench.analysis.wording import number, rate, seconds, treatment
from bench.model.scenario import OpenLoop

if TYPE_CHECKING:
    from bench.analysis.bottleneck import Bottleneck
    from bench.analysis.findings.context import Context
    from bench.analysis.measurement import Measurement
    from bench.analysis.summary import TrialSummary

RULE = "PO01-queue"
SPARE = 1.2
"""Connections beyond those that Little's law asks for on average."""
GREAT_SHARE = 0.5


def find(context: Context) -> list[Finding]:
    """Report the treatment of the answer that waits most."""
    waiting = [
        (measurement, known)
        for measurement in context.deciding()
        if (known := context.bottleneck(measurement)) is not None
        and known.kind == "pool"
        and not (_waits_in_the_pool(context, measurement) and _larger_was_measured(context, measurement))
    ]
    if not waiting:
        return []
    measurement, known = max(waiting, key=lambda pair: pair[1].load.wait_share)
    return [_finding(context, measurement, known)]


def _waits_in_the_pool(context: Context, measurement: Measurement) -> bool:
    """Tell whether the wait is in the client's pool rather than in the pooler."""
    parts = [trial.everything.split.parts for trial in context.trials(measurement)]
    return sum(one.get("pool_wait", 0.0) for one in parts) >= sum(one.get("pooler_wait", 0.0) for one in parts)


def _larger_was_measured(context: Context, measurement: Measurement) -> bool:
    """Tell whether the run itself shows what a larger pool does: then the answer to the sweep is the finding."""
    others = {key: level for key, level in measurement.treatment.items() if key != SIZE}
    size = measurement.treatment.get(SIZE, 0)
    return any(
        {key: level for key, level in one.treatment.items() if key != SIZE} == others
        and one.valid
        and float(one.treatment.get(SIZE, 0)) > float(size)
        for one in context.overall()
    )


def wanted_size(trial: TrialSummary, known: Bottleneck) -> tuple[str, int, int, float, float] | None:
    """Return the key to set, its level now and wanted, and the throughput and hold time it rests on.

    None where the trial does not tell how long a connection is held.
    """
    parts = trial.everything.split.parts
    hold = trial.everything.durations["hold_time"]
    if not hold.n:
        return None
    in_pooler = parts.get("pooler_wait", 0.0)
    held_s = max(hold.mean_ns / 1e9 - in_pooler, 1e-9)
    at_pooler = in_pooler > parts.get("pool_wait", 0.0)
    key = "pooler.size" if at_pooler else "pool.size"
    size = (trial.scenario.pooler.size if at_pooler else None) or trial.scenario.pool.size
    clients, think_s = population(trial)
    if isinstance(trial.scenario.load, OpenLoop):
        reached, most = trial.everything.offered_rate or trial.everything.throughput, math.inf
    else:
        reached = min(clients / (held_s + think_s), trial.everything.throughput * headroom(known.load))
        most = clients
    wanted = max(size + 1, math.ceil(SPARE * reached * held_s))
    wanted = int(min(wanted, max(most, size + 1)))
    if at_pooler:  # each process has a pool of its own, and they are alike
        processes = trial.scenario.pooler.processes
        wanted = math.ceil(wanted / processes) * processes
    return key, size, wanted, reached, held_s


def _finding(context: Context, measurement: Measurement, known: Bottleneck) -> Finding:
    trials = context.trials(measurement)
    wanted = wanted_size(trials[-1], known)
    server_known = known.load.server is not None
    remedy = "Sweep larger pools (`--sweep pool.size=…`)."
    patch = None
    evidence: dict[str, Any] = {"treatment": treatment(measurement.treatment), **known.evidence}
    if wanted is not None:
        key, size, more, reached, held_s = wanted
        part, _, name = key.partition(".")
        evidence |= {
            "formula": "ceil(1.2 x X x S); X = offered rate, or in a closed loop "
            "min(N / (S + Z), measured X x room of the next limit)",
            "throughput_to_serve": rate(reached),
            "held_s": held_s,
        }
        remedy = (
            f"Raise `{key}` from {size} to about {more}: {rate(reached)} x {seconds(held_s)} x {number(SPARE)}. "
            "Measure it: the time a connection is held grows with the load."
        )
        patch = Patch(kind="scenario", text=f"[{part}]\n{name} = {more}\n", rollback=f"[{part}]\n{name} = {size}\n")
    if not server_known:
        remedy = f"The server's CPU is not known here: look at it first. If it has room: {remedy}"
    return Finding(
        rule=RULE,
        severity="high" if known.load.wait_share > GREAT_SHARE else "warning",
        status="measured" if server_known else "rule of thumb",
        summary=f"The pool is too small: {known.reason}" + ("" if server_known else "; the server's CPU is not known"),
        evidence=evidence,
        remedy=remedy,
        source="Little 1961; Denning and Buzen 1978; https://www.pgbouncer.org/usage.html#show-pools",
        patch=patch,
    )
