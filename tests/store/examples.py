"""Values to store, small and complete."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bench.analysis.measurement import Finding, Line, Measurement, Patch, Verdict
from bench.design.plan import Plan, Trial
from bench.model.facts import (
    Caveat,
    HostSummary,
    PlanFact,
    PoolerFacts,
    PoolGauges,
    RunFacts,
    ServerFacts,
    StatementFacts,
    TrialFacts,
    WorkerFacts,
)
from bench.model.sample import Outcome, Samples
from bench.model.scenario import ClosedLoop
from bench.model.timeline import InputOutput, Memory, Reading, TableAccess, Timeline
from bench.stats.estimate import Estimate, Refused

if TYPE_CHECKING:
    from bench.model.scenario import Level

MS = 1_000_000
CLOSED = ClosedLoop(clients=50)
OPERATIONS = ("rating_lookup", "naïve, or 100% odd")
SCENARIO_TEXT = '# kept as it is\r\nname = "rating_lookup"\n\tλ = 1\n'
TREATMENTS: tuple[dict[str, Level], ...] = tuple(
    {"pool.driver": "asyncpg", "pool.size": size, "load.clients": 50, "pooler.kind": "pgbouncer"} for size in (10, 30)
)
PLAN = Plan(
    "rating_lookup",
    tuple(
        Trial(f"b{block:02d}-t{place:03d}", block, treatment, seed=block * 10 + place)
        for block in (1, 2)
        for place, treatment in enumerate(TREATMENTS, 1)
    ),
    TREATMENTS,
    replicates=2,
    estimated_s=26.0,
)
HOST = HostSummary(
    machine="5f0c", cpu_model="a CPU", cores=2, memory_bytes=4 << 30, kernel="6.1", python="3.11.2", details={"swap": 0}
)
RUN = RunFacts(
    run_id="20250301T101500Z-rating_lookup-4214dab",
    scenario="rating_lookup",
    status="running",
    started_utc="2025-03-01T10:15:00+00:00",
    finished_utc=None,
    commit="4214dab9c1",
    bench_version="0.1.0",
    quick=False,
    command=("bench", "run", "rating_lookup"),
    versions={"postgresql": "18.1", "asyncpg": "0.31.0"},
    alembic_head="007",
    schema_hash="ab12",
    row_counts={"rating_tables": 10_000},
    dataset={"scale": 0.1},
    settings={"shared_buffers": "128MB"},
    seed=1,
    caveats=(Caveat(code="no-pooler-statements", text="old pgBouncer", cure="upgrade it"),),
)
QUERY_PLAN = PlanFact(
    operation="rating_lookup",
    role="app",
    kind="custom",
    sql="SELECT 1",
    arguments=("CA",),
    document={"Plan": {"Node Type": "Result", "Actual Rows": 1, "Alias": None}, "Execution Time": 0.01},
)
MEASUREMENT = Measurement(
    treatment=TREATMENTS[1],
    operation="*",
    valid=True,
    caveats=(Caveat(code="generator-saturated", text="96 % of a core", cure="use more workers"),),
    metrics={
        "throughput": Estimate(7266.0, 7100.0, 7400.0, 0.95, 5, "1/s"),
        "response_time.p95": Estimate(0.0132, 0.0127, 0.0139, 0.95, 5, "s"),
    },
    refused={"response_time.p99_9": Refused("too few samples", 1200, 2995)},
    trials=("b01-t002", "b02-t002"),
    outcomes={"ok": 1200, "sql_error": 1},
)
FINDING = Finding(
    rule="pool-size",
    severity="info",
    status="measured",
    summary="30 connections are enough",
    evidence={"throughput": MEASUREMENT.metrics["throughput"], "sizes": [10, 30]},
    remedy="set pool.size = 30",
    source="USL",
    patch=Patch(kind="scenario", text="pool.size = 30", rollback="pool.size = 10"),
)
VERDICT = Verdict(
    verdict="fail",
    lines=(
        Line(
            budget="p95(response_time) < 100ms",
            operation="*",
            treatment=TREATMENTS[0],
            observed=MEASUREMENT.metrics["response_time.p95"],
            limit=0.1,
            unit="s",
            verdict="fail",
        ),
        Line(
            budget="p99(response_time) < 1s",
            operation="*",
            treatment=TREATMENTS[0],
            observed=None,
            limit=1.0,
            unit="s",
            verdict="inconclusive",
            reason="too few samples",
        ),
    ),
)


def facts_of(trial: Trial) -> TrialFacts:
    """Return full facts: a window from 100 ms to 900 ms."""
    return TrialFacts(
        trial_id=trial.id,
        started_utc="2025-03-01T10:15:02.250+00:00",
        window_start_ns=100 * MS,
        window_end_ns=900 * MS,
        operations=OPERATIONS,
        workers=(
            WorkerFacts(
                worker=0,
                pool_size=5,
                clients=25,
                cpu_s=0.5,
                wall_s=0.8,
                loop_lag_p50_ns=10,
                loop_lag_p99_ns=20,
                loop_lag_max_ns=30,
                gc_pauses=0,
                gc_pause_total_ns=0,
                connections_opened=5,
                rss_bytes=1 << 26,
                executions_per_connection_min=9,
            ),
        ),
        cores=2,
        load_average_1m=0.5,
        pooler=PoolerFacts(
            version="1.21",
            mode="transaction",
            pool_size=10,
            max_prepared_statements=200,
            stats={"total_query_count": 12},
            gauges=(
                PoolGauges(
                    t_ns=1, cl_active=1, cl_waiting=0, sv_active=1, sv_idle=9, sv_used=0, sv_login=0, maxwait_us=0
                ),
            ),
            cpu_s=None,
            rss_bytes=None,
        ),
        server=ServerFacts(
            statements=(
                StatementFacts(
                    queryid=-(2**63),
                    query="SELECT $1",
                    calls=1,
                    total_exec_s=0.1,
                    rows=1,
                    shared_blks_hit=1,
                    shared_blks_read=0,
                    temp_blks_written=0,
                    wal_bytes=2**63,
                ),
            ),
            database={"xact_commit": 12.0},
            cpu_s=0.25,
            backends_rss_bytes=1 << 27,
            settings_changed={"work_mem": ("4MB", "8MB")},
        ),
        timeline=Timeline(
            period_ns=250 * MS,
            readings=(
                Reading(
                    t_ns=1,
                    waits={"CPU": 2, "LWLock": 1},
                    events={"LWLock:WALWrite": 1},
                    locks_waiting=1,
                    processes={"backends": 3},
                    cpu_s={"backends": 0.01},
                    rss_bytes={"backends": 1 << 24},
                    private_bytes={"backends": 1 << 22},
                    pooler_totals={"total_query_count": 12},
                    pooler_lists={"used_clients": 4},
                ),
            ),
            since_ns=0,
            until_ns=2,
            tables=(TableAccess(table="rates", heap_hit=9, heap_read=1, index_hit=0, index_read=0),),
            io=(InputOutput(backend_type="client backend", object="relation", context="normal", counts={"hits": 9}),),
            wal={"wal_bytes": 1.0},
            checkpoints={"num_timed": 0.0},
            autovacuumed=("autovacuum: VACUUM public.rates",),
            memory=(Memory(group="backends", processes=3, rss_bytes=1 << 24, private_bytes=1 << 22, pss_bytes=None),),
            cpu_s=0.004,
        ),
    )


def samples_of(n: int = 200, seed: int = 0) -> Samples:
    """Return ``n`` closed-loop samples over one second, in order of completion; every tenth failed."""
    draw = np.random.default_rng(seed)
    completed = np.sort(draw.integers(10 * MS, 1000 * MS, n))
    intended = completed - draw.integers(MS, 9 * MS, n)
    return Samples(
        intended_ns=intended,
        dispatched_ns=intended + 1000,
        acquired_ns=intended + 5000,
        completed_ns=completed,
        released_ns=completed + 90_000,
        operation=(np.arange(n) % len(OPERATIONS)).astype(np.int16),
        outcome=np.where(np.arange(n) % 10 == 9, Outcome.SQL_ERROR, Outcome.OK).astype(np.int8),
        worker=(np.arange(n) % 3).astype(np.int16),
    )
