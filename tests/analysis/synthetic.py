"""Trials from queues with known answers: deterministic samples, and facts that agree unless told otherwise."""

from __future__ import annotations

import heapq
import itertools
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from bench.analysis.trial import summarise
from bench.design.plan import Plan, Trial
from bench.model.facts import PoolerFacts, PoolGauges, RunFacts, ServerFacts, StatementFacts, TrialFacts, WorkerFacts
from bench.model.sample import MISSING_NS, Outcome, Samples
from bench.model.scenario_text import decode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from bench.analysis.summary import TrialSummary
    from bench.model.scenario import Level, Scenario

MS = 1_000_000
S = 1_000_000_000
LOOKUP = "SELECT rate FROM rate_tables WHERE state = $1 AND effective <= '2024-01-01'"
RESET = ("SELECT pg_advisory_unlock_all()", "CLOSE ALL", "UNLISTEN *", "RESET ALL")


def scenario(
    *,
    load: Mapping[str, Any] | None = None,
    pool: Mapping[str, Any] | None = None,
    pooler: str | Mapping[str, Any] = "pgbouncer",
    budgets: Sequence[str] = (),
    operations: Sequence[Mapping[str, Any]] = ({"name": "lookup", "sql": LOOKUP},),
    warmup: str = "500ms",
    window: str = "2s",
    replicates: int = 5,
) -> Scenario:
    """Build a scenario; 10 clients on 10 connections unless told otherwise."""
    raw = {
        "name": "synthetic",
        "operation": [dict(operation) for operation in operations],
        "load": dict(load or {"model": "closed", "clients": 10}),
        "pool": {"size": 10, **(pool or {})},
        "pooler": {"kind": pooler} if isinstance(pooler, str) else dict(pooler),
        "run": {"warmup": warmup, "window": window, "replicates": replicates},
        "budgets": list(budgets),
    }
    return decode(raw, "synthetic")


def closed_loop(
    scenario: Scenario,
    *,
    service_ns: Callable[[int], int] | int = 10 * MS,
    release_ns: int = 0,
    size: int | None = None,
    operation: Callable[[int], int] | int = 0,
) -> Samples:
    """Run the scenario's clients on a FIFO pool, from 0 to the end of the window and a drain beyond it."""
    clients, think_ns = scenario.load.clients, int(scenario.load.think_time)  # type: ignore[union-attr]
    end_ns = scenario.run.warmup + scenario.run.window
    return _simulate(
        [0] * clients,
        lambda released: released + think_ns,
        end_ns,
        size or scenario.pool.size,
        service_ns,
        release_ns,
        operation,
    )


def open_loop(
    scenario: Scenario, starts_ns: Iterable[int], *, service_ns: Callable[[int], int] | int = MS, give_up: bool = False
) -> Samples:
    """Run given arrivals on a FIFO pool; with ``give_up`` what was not acquired by the end is never sent."""
    end_ns = scenario.run.warmup + scenario.run.window
    samples = _simulate([int(start) for start in starts_ns], None, 2**62, scenario.pool.size, service_ns, 0, 0)
    if not give_up:
        return samples
    unsent = samples.acquired_ns >= end_ns
    columns = {
        name: np.where(unsent, MISSING_NS, getattr(samples, name))
        for name in ("dispatched_ns", "acquired_ns", "completed_ns", "released_ns")
    }
    outcome = np.where(unsent, int(Outcome.NOT_SENT), samples.outcome).astype(np.int8)
    return Samples(
        intended_ns=samples.intended_ns,
        operation=samples.operation,
        outcome=outcome,
        worker=samples.worker,
        **columns,
    )


def _simulate(
    ready: list[int],
    again: Callable[[int], int] | None,
    end_ns: int,
    size: int,
    service_ns: Callable[[int], int] | int,
    release_ns: int,
    operation: Callable[[int], int] | int,
) -> Samples:
    heapq.heapify(ready)
    free = [0] * size
    rows = []
    for number in itertools.count():
        if not ready or ready[0] >= end_ns:
            break
        intended = heapq.heappop(ready)
        acquired = max(intended, heapq.heappop(free))
        completed = acquired + (service_ns(number) if callable(service_ns) else service_ns)
        released = completed + release_ns
        heapq.heappush(free, released)
        kind = operation(number) if callable(operation) else operation
        rows.append((intended, intended, acquired, completed, released, kind, int(Outcome.OK)))
        if again is not None:
            heapq.heappush(ready, again(released))
    return Samples.from_rows(np.array(rows, dtype=np.int64).reshape(-1, 7), worker=0, start_ns=0)


def worker_facts(scenario: Scenario, **changes: Any) -> WorkerFacts:
    """Describe a worker with nothing to complain about."""
    load = scenario.load
    clients = getattr(load, "clients", getattr(load, "users", 1000))
    window_s = scenario.run.window.seconds
    plain = WorkerFacts(
        worker=0,
        pool_size=scenario.pool.size,
        clients=clients,
        cpu_s=0.3 * window_s,
        wall_s=window_s,
        loop_lag_p50_ns=50_000,
        loop_lag_p99_ns=200_000,
        loop_lag_max_ns=900_000,
        gc_pauses=0,
        gc_pause_total_ns=0,
        connections_opened=0,
        rss_bytes=50_000_000,
        executions_per_connection_min=6,
    )
    return msgspec.structs.replace(plain, **changes)


def statement(query: str, calls: int, total_exec_s: float) -> StatementFacts:
    """One row of pg_stat_statements."""
    return StatementFacts(
        queryid=hash(query) % 2**31,
        query=query,
        calls=calls,
        total_exec_s=total_exec_s,
        rows=calls,
        shared_blks_hit=3 * calls,
        shared_blks_read=0,
        temp_blks_written=0,
        wal_bytes=0,
    )


def server_facts(scenario: Scenario, statements: Sequence[StatementFacts] = (), **changes: Any) -> ServerFacts:
    """Describe a server read at both ends of the window."""
    start, end = int(scenario.run.warmup), int(scenario.run.warmup + scenario.run.window)
    plain = ServerFacts(
        statements=tuple(statements), database={}, cpu_s=0.5, backends_rss_bytes=None, since_ns=start, until_ns=end
    )
    return msgspec.structs.replace(plain, **changes)


def pooler_facts(scenario: Scenario, stats: Mapping[str, int], **changes: Any) -> PoolerFacts:
    """Describe a pooler read at both ends of the window."""
    start, end = int(scenario.run.warmup), int(scenario.run.warmup + scenario.run.window)
    plain = PoolerFacts(
        version="PgBouncer 1.24.0",
        mode="transaction",
        pool_size=scenario.pool.size,
        max_prepared_statements=200,
        stats=dict(stats),
        gauges=(),
        cpu_s=0.2,
        rss_bytes=None,
        since_ns=start,
        until_ns=end,
    )
    return msgspec.structs.replace(plain, **changes)


def gauge(t_ns: int, sv_active: int, cl_waiting: int = 0) -> PoolGauges:
    """One reading of SHOW POOLS."""
    return PoolGauges(
        t_ns=t_ns, cl_active=sv_active, cl_waiting=cl_waiting, sv_active=sv_active, sv_idle=0, sv_used=0, sv_login=0,
        maxwait_us=0,
    )  # fmt: skip


def trial_facts(scenario: Scenario, **changes: Any) -> TrialFacts:
    """Facts of a trial of the scenario."""
    plain = TrialFacts(
        trial_id="b01-t001",
        started_utc="2025-01-01T00:00:00+00:00",
        window_start_ns=int(scenario.run.warmup),
        window_end_ns=int(scenario.run.warmup + scenario.run.window),
        operations=tuple(operation.name for operation in scenario.operation),
        workers=(worker_facts(scenario),),
        cores=4,
        load_average_1m=0.5,
    )
    return msgspec.structs.replace(plain, **changes)


def treatment_of(scenario: Scenario) -> dict[str, Level]:
    """Name the treatment as a plan does."""
    load = scenario.load
    key, level = next(
        (f"load.{name}", getattr(load, name)) for name in ("clients", "rate", "users") if hasattr(load, name)
    )
    return {
        "pool.driver": scenario.pool.driver,
        "pool.size": scenario.pool.size,
        key: float(level) if key == "load.rate" else level,
        "pooler.kind": scenario.pooler.kind,
    }


def trial_of(scenario: Scenario, block: int = 1) -> Trial:
    """One trial of the scenario's only treatment."""
    return Trial(f"b{block:02d}-t001-s{scenario.pool.size}", block, treatment_of(scenario), 1)


def summary_of(scenario: Scenario, samples: Samples | None = None, block: int = 1, **facts: Any) -> TrialSummary:
    """Summarise a trial of the scenario; a plain closed loop unless samples are given."""
    recorded = closed_loop(scenario) if samples is None else samples
    trial = trial_of(scenario, block)
    return summarise(trial, trial_facts(scenario, **{"trial_id": trial.id, **facts}), recorded, scenario)


def plan_of(*scenarios: Scenario) -> Plan:
    """Lay out one treatment per scenario; the trials themselves do not matter to the analysis."""
    return Plan("synthetic", (), tuple(treatment_of(scenario) for scenario in scenarios), 5, 1.0)


def run_facts(**changes: Any) -> RunFacts:
    """Facts of a finished run."""
    plain = RunFacts(
        run_id="20250101T000000Z-synthetic-abc",
        scenario="synthetic",
        status="finished",
        started_utc="2025-01-01T00:00:00+00:00",
        finished_utc="2025-01-01T00:01:00+00:00",
        commit="abc",
        bench_version="0.1.0",
        quick=False,
        command=("bench", "run"),
        versions={},
        alembic_head=None,
        schema_hash=None,
        row_counts={},
        dataset={},
        settings={},
        seed=1,
    )
    return msgspec.structs.replace(plain, **changes)


def with_outcomes(samples: Samples, every: int, outcome: Outcome) -> Samples:
    """Let every n-th operation end with another outcome."""
    changed = samples.outcome.copy()
    changed[::every] = int(outcome)
    columns = {name: getattr(samples, name) for name in Samples.__slots__}
    return Samples(**{**columns, "outcome": changed})


def codes(caveats: Iterable[Any]) -> set[str]:
    """Return the codes of caveats."""
    return {caveat.code for caveat in caveats}
