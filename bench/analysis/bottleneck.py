"""What holds a treatment back? A pool that is too small looks like many other things in the queue.

Operations wait for a connection in most of these cases; who works, and what the sessions at work wait for, tells them
apart. The first that holds is the answer:

* ``server``: its processes use at least 80 % of the cores, so more connections only wait inside the server;
* ``pooler``, ``generator``: a single thread is at its limit (``bench.analysis.saturation``), or the nearer of both;
* ``machine``: load, pooler and server together use the cores up;
* ``generator`` again: it had work all the time, or was late, because others took the CPU it needed;
* ``locks``, ``latches``, ``wal``, ``disk``, ``transactions``: nobody is busy, and what the sessions at work wait for is
  named by ``bench.analysis.waits``, with connections to spare or without;
* ``pool``: none of that, and waiting for a connection takes more than a tenth of the budget: connections are missing.

Source: https://www.pgbouncer.org/usage.html#show-pools on ``maxwait`` (rising: too small a pool or an overloaded
server); 80 % is the threshold of GitLab infrastructure (#7403) and of the alerts of postgres_exporter. The order is
ours: what no pool size can change comes first.
"""

from __future__ import annotations

from collections import Counter
from statistics import median
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from bench.analysis.saturation import (
    IDLE_CPU,
    LATE_LOOP_NS,
    SATURATED_CPU,
    SATURATED_MACHINE,
    SATURATED_POOLER_CPU,
    busy_share,
    cpu_share,
    machine_share,
    pooler_share,
    server_share,
)
from bench.analysis.waits import Cause, Waits, read_waits
from bench.analysis.wording import estimate, percent, seconds
from bench.stats.estimate import Estimate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.analysis.summary import TrialSummary

Kind = Literal["server", "pooler", "generator", "machine", "pool"] | Cause
HELPED_BY_CONNECTIONS: frozenset[Kind] = frozenset({"pool", "wal", "disk", "transactions"})
"""Where more connections may lift the throughput: sessions share a flush, a disk serves several, a client thinks."""

FULL_SERVER = 0.8
"""Share of the cores that the server's processes use, above which connections queue for CPU inside it."""
WAITED = 0.1
"""Share of the budget, or of the mean response time where there is none, that waiting for a connection may take."""
LATE = 0.5
"""Lag of the event loop beside the mean service time, above which the loop decides when things happen."""


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """How busy everything was in one trial. Shares of one core, ``server`` and ``machine`` of all; None: not known."""

    server: float | None
    pooler: float | None
    generator: float
    machine: float | None
    generator_busy: float | None
    """Share of time in which the busiest worker had work, with a core or waiting for one."""
    loop_lag_ns: int
    wait_s: float
    """Seconds per operation spent waiting for a connection, in the pool and in the pooler."""
    wait_share: float
    service_s: float
    waits: Waits | None = None
    """What the sessions at work waited for in the treatment's trials; None where nobody looked."""

    @property
    def starved(self) -> bool:
        """Whether others took the CPU that the generator needed: it never idled, or was late beside the service."""
        late = self.loop_lag_ns > LATE_LOOP_NS and self.loop_lag_ns / 1e9 >= LATE * self.service_s
        return late or (self.generator_busy is not None and self.generator_busy >= SATURATED_CPU)


class Bottleneck(msgspec.Struct, frozen=True, kw_only=True):
    """What to relieve first, in words and numbers: medians over the trials."""

    kind: Kind
    reason: str
    load: Load
    agree: int
    """Trials of which this was the answer, out of ``trials``."""
    trials: int

    @property
    def evidence(self) -> dict[str, Any]:
        """Everything that was weighed, whatever the answer."""
        load = self.load
        return {
            "bottleneck": self.kind,
            "server_cpu_share_of_cores": load.server,
            "cpu_share_of_busiest_worker": load.generator,
            "busiest_worker_had_work": load.generator_busy,
            "loop_lag_p99_ns": load.loop_lag_ns,
            "cpu_share_of_pooler": load.pooler,
            "machine_cpu_share_of_cores": load.machine,
            "wait_for_connection_s": load.wait_s,
            "wait_beside_budget_or_response": load.wait_share,
            **_waits_evidence(load.waits),
            "trials_that_agree": f"{self.agree} of {self.trials}",
        }


def name_bottleneck(trials: Sequence[TrialSummary]) -> Bottleneck | None:
    """Return what held most of the trials of one treatment back, None where nothing was at its limit."""
    waits = read_waits(trials)
    loads = [read_load(trial, waits) for trial in trials]
    kinds = [classify(load) for load in loads]
    if not kinds:
        return None
    (kind, agree), *_ = Counter(kinds).most_common()
    if kind is None:
        return None
    load = _median([load for load, own in zip(loads, kinds, strict=True) if own == kind])
    return Bottleneck(kind=kind, reason=_reason(kind, load), load=load, agree=agree, trials=len(trials))


def classify(load: Load) -> Kind | None:
    """Return the one answer, None where nothing is at its limit and nobody waits."""
    if load.server is not None and load.server >= FULL_SERVER:
        return "server"
    threads: dict[Kind, float] = {
        "pooler": (load.pooler or 0.0) / SATURATED_POOLER_CPU,
        "generator": load.generator / SATURATED_CPU,
    }
    if load.loop_lag_ns > LATE_LOOP_NS and load.generator >= IDLE_CPU:
        threads["generator"] = max(1.0, threads["generator"])
    nearest = max(threads, key=lambda kind: threads[kind])
    if threads[nearest] >= 1:
        return nearest
    if load.machine is not None and load.machine >= SATURATED_MACHINE:
        return "machine"
    if load.starved:
        return "generator"
    if load.waits is not None and load.waits.cause is not None:
        return load.waits.cause
    return "pool" if load.wait_share > WAITED else None


def read_load(trial: TrialSummary, waits: Waits | None = None) -> Load:
    """Return what a trial's facts say of everybody's work, beside the waits of its treatment."""
    parts = trial.everything.split.parts
    durations = trial.everything.durations
    response, service = durations["response_time"], durations["service_time"]
    wait_s = parts.get("pool_wait", 0.0) + parts.get("pooler_wait", 0.0)
    against = budget_s(trial) or (response.mean_ns / 1e9 if response.n else 0.0)
    return Load(
        server=server_share(trial),
        pooler=pooler_share(trial),
        generator=cpu_share(trial),
        generator_busy=busy_share(trial),
        machine=machine_share(trial),
        loop_lag_ns=max((worker.loop_lag_p99_ns for worker in trial.facts.workers), default=0),
        wait_s=wait_s,
        wait_share=wait_s / against if against > 0 else 0.0,
        service_s=service.mean_ns / 1e9 if service.n else 0.0,
        waits=waits,
    )


def budget_s(trial: TrialSummary) -> float | None:
    """Return the smallest budget on the response time, in seconds; None where there is none."""
    budgets = trial.scenario.all_budgets
    return min((budget.limit for budget in budgets if budget.metric.startswith("response_time.")), default=None)


def headroom(load: Load) -> float:
    """Return how many times the throughput could grow before something else is at its limit, at least 1."""
    limits = (
        (load.server, FULL_SERVER),
        (load.pooler, SATURATED_POOLER_CPU),
        (load.generator, SATURATED_CPU),
        (load.machine, SATURATED_MACHINE),
    )
    return max(1.0, min((limit / share for share, limit in limits if share), default=1.0))


def _median(loads: Sequence[Load]) -> Load:
    def middle(values: Sequence[float | None]) -> float | None:
        known = [value for value in values if value is not None]
        return median(known) if known else None

    return Load(
        server=middle([load.server for load in loads]),
        pooler=middle([load.pooler for load in loads]),
        generator=median(load.generator for load in loads),
        generator_busy=middle([load.generator_busy for load in loads]),
        machine=middle([load.machine for load in loads]),
        loop_lag_ns=round(median(load.loop_lag_ns for load in loads)),
        wait_s=median(load.wait_s for load in loads),
        wait_share=median(load.wait_share for load in loads),
        service_s=median(load.service_s for load in loads),
        waits=loads[0].waits,
    )


def _waits_evidence(waits: Waits | None) -> dict[str, Any]:
    """Return the shares with their intervals, or the one reason why there are none."""
    if waits is None:
        return {"what_sessions_wait_for": "not known: no collector read it"}
    return {
        "sessions_at_work": waits.at_work,
        "sessions_idle_in_transaction": waits.in_transaction,
        "share_of_sessions_at_work_by_wait": dict(waits.shares),
        "most_frequent_waits": {name: percent(share) for name, share in waits.events.items()},
    }


def _reason(kind: Kind, load: Load) -> str:
    match kind:
        case "server":
            return f"the server's processes used {percent(load.server or 0.0)} of the cores"
        case "pooler":
            return f"pgBouncer used {percent(load.pooler or 0.0)} of its one core"
        case "generator":
            lag = seconds(load.loop_lag_ns / 1e9)
            got = "used" if load.generator >= IDLE_CPU else "was left only"
            return f"the busiest load worker {got} {percent(load.generator)} of a core, its loop was {lag} late at p99"
        case "machine":
            return f"generator, pooler and server together used {percent(load.machine or 0.0)} of the cores"
        case "pool":
            return (
                f"operations waited {seconds(load.wait_s)} for a connection, {percent(load.wait_share)} of the budget "
                "or of the mean response time, while nothing else was at its limit"
            )
        case "transactions":
            return f"{_share(load, kind)} of the sessions in use wait for the application with a transaction open"
        case _:
            return f"{_share(load, kind)} of the sessions at work wait {_FOR[kind]}"


_FOR: dict[Cause, str] = {
    "locks": "for locks that others hold",
    "latches": "for pages or structures in shared memory that others are at",
    "wal": "for their commits to reach the disk",
    "disk": "for pages or temporary files from outside shared memory",
}


def _share(load: Load, cause: Cause) -> str:
    known = load.waits.shares.get(cause) if load.waits else None
    return estimate(known, "%") if isinstance(known, Estimate) else "an unknown share"
