"""What would have been recorded beside the samples: facts of a trial, a timeline, the run, the machine, plans."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

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
from bench.model.timeline import Memory, Reading, TableAccess, Timeline
from tests.report.simulation import CORES, WARMUP_NS, WINDOW_NS

if TYPE_CHECKING:
    import numpy as np

    from bench.design.plan import Trial
    from bench.model.scenario import Scenario

SQL = (
    "SELECT rate FROM rate_tables\n WHERE state = $1 AND product = $2 AND coverage = $3\n"
    "   AND $4 BETWEEN effective_from AND effective_to"
)


def facts_of(trial: Trial, scenario: Scenario, rows: np.ndarray, notes: tuple[Caveat, ...]) -> TrialFacts:
    size, clients = int(trial.treatment["pool.size"]), int(trial.treatment.get("load.clients", 50))
    done = int(((rows[:, 3] >= WARMUP_NS) & (rows[:, 3] < WARMUP_NS + WINDOW_NS)).sum())
    waiting = max(0, clients - size)
    gauges = tuple(
        PoolGauges(
            t_ns=WARMUP_NS + step * 40_000_000,
            cl_active=min(size, clients),
            cl_waiting=int(waiting * (0.02 + 0.01 * ((step * trial.block) % 3))),
            sv_active=min(size, clients) - (step + trial.block) % 2,
            sv_idle=0,
            sv_used=0,
            sv_login=0,
            maxwait_us=100 * step,
        )
        for step in range(11)
    )
    busy_s = float((rows[:, 3] - rows[:, 2]).mean()) / 1e9
    return TrialFacts(
        trial_id=trial.id,
        started_utc="2030-01-02T03:04:05.000+00:00",
        window_start_ns=WARMUP_NS,
        window_end_ns=WARMUP_NS + WINDOW_NS,
        operations=tuple(operation.name for operation in scenario.operation),
        workers=(
            WorkerFacts(
                worker=0,
                pool_size=size,
                clients=clients,
                cpu_s=0.2,
                wall_s=0.4,
                loop_lag_p50_ns=20_000,
                loop_lag_p99_ns=300_000,
                loop_lag_max_ns=900_000,
                gc_pauses=0,
                gc_pause_total_ns=0,
                connections_opened=0,
                rss_bytes=90_000_000,
                executions_per_connection_min=40,
            ),
        ),
        cores=CORES,
        load_average_1m=1.5,
        pooler=PoolerFacts(
            version="1.24.1",
            mode="transaction",
            pool_size=size,
            max_prepared_statements=200,
            stats={
                "total_query_count": 2 * done,
                "total_xact_count": 2 * done,
                "total_server_assignment_count": 2 * done,
                "total_wait_time": int(done * 90),
            },
            gauges=gauges,
            cpu_s=0.15,
            rss_bytes=6_000_000,
            since_ns=WARMUP_NS,
            until_ns=WARMUP_NS + WINDOW_NS,
        ),
        server=ServerFacts(
            statements=(
                StatementFacts(
                    queryid=1,
                    query=SQL,
                    calls=done,
                    total_exec_s=0.55 * busy_s * done,
                    rows=done,
                    shared_blks_hit=5 * done,
                    shared_blks_read=0,
                    temp_blks_written=0,
                    wal_bytes=0,
                ),
            ),
            database={"xact_commit": float(done)},
            cpu_s=0.6,
            backends_rss_bytes=40_000_000,
            since_ns=WARMUP_NS,
            until_ns=WARMUP_NS + WINDOW_NS,
        ),
        notes=notes,
        timeline=_timeline(size, clients, trial.block),
    )


def _timeline(size: int, clients: int, block: int) -> Timeline:
    """Ten readings: half the connections compute, some wait for a lock or the client, the rest idle."""
    active = min(size, clients)
    readings = tuple(
        Reading(
            t_ns=WARMUP_NS + step * 40_000_000,
            waits={"CPU": active - active // 2, "Lock": active // 4, "LWLock": active // 2 - active // 4}
            | ({"idle": size - active} if size > active else {}),
            events={"Lock:tuple": active // 4},
            locks_waiting=active // 4,
            autovacuum=0,
            processes={"backends": size, "server": 8, "pooler": 1, "workers": 2},
            cpu_s={"backends": 0.03, "server": 0.0, "pooler": 0.01, "workers": 0.02} if step else {},
            rss_bytes={"backends": size * (20 << 20), "server": 60 << 20, "pooler": 6 << 20, "workers": 160 << 20},
            private_bytes={
                "backends": size * (4 << 20) + (step + block) * 10_000,
                "server": 12 << 20,
                "pooler": 4 << 20,
                "workers": 120 << 20,
            },
        )
        for step in range(11)
    )
    return Timeline(
        period_ns=40_000_000,
        readings=readings,
        since_ns=WARMUP_NS,
        until_ns=WARMUP_NS + WINDOW_NS,
        tables=(
            TableAccess(table="base_rates", heap_hit=9_000 + block, heap_read=10, index_hit=30_000, index_read=0),
            TableAccess(table="zip_territories", heap_hit=400, heap_read=90, index_hit=800, index_read=20),
        ),
        wal={"wal_bytes": 4096.0},
        checkpoints={"num_timed": 0.0, "num_requested": 1.0},
        autovacuumed=("autovacuum: ANALYZE public.base_rates",),
        memory=(
            Memory(group="backends", processes=size, rss_bytes=1 << 27, private_bytes=1 << 25, pss_bytes=1 << 26),
            Memory(group="pooler", processes=1, rss_bytes=6 << 20, private_bytes=4 << 20),
        ),
        cpu_s=0.02,
    )


RUN = RunFacts(
    run_id="20300102T030405Z-rating_lookup-0a1b2c3",
    scenario="rating_lookup",
    status="finished",
    started_utc="2030-01-02T03:04:05+00:00",
    finished_utc="2030-01-02T03:19:51+00:00",
    commit="0a1b2c3d",
    bench_version="0.1.0",
    quick=False,
    command=("bench", "run", "scenarios/rating_lookup.toml", "--set", "run.replicates=5"),
    versions={"postgresql": "18.1", "pgbouncer": "1.24.1", "asyncpg": "0.31.0", "uvloop": "0.22.1"},
    alembic_head="007",
    schema_hash="9f8e7d6c5b4a3f2e",
    row_counts={"rate_tables": 48_000, "policies": 100_000, "audit_logs": 1_300_000},
    dataset={"scale": 0.1, "seed": 42.0},
    settings={"shared_buffers": "1GB", "jit": "off", "max_connections": "200"},
    seed=1,
    caveats=(
        Caveat(
            code="shared-machine",
            text="load, pgBouncer and PostgreSQL share 4 cores: the ceiling is that of all three together",
            cure="Run the load from another machine with `--dsn`.",
        ),
    ),
)


HOST = HostSummary(
    machine="b7c1f00d",
    cpu_model="Example CPU 4-Core @ 2.60GHz",
    cores=CORES,
    memory_bytes=16 * 2**30,
    kernel="Linux 6.1.0",
    python="3.11.2",
    details={"governor": "performance", "open_files": 65_536, "swap": False},
)


PLAN_DOCUMENT: dict[str, Any] = {
    "Plan": {
        "Node Type": "Index Scan",
        "Relation Name": "rate_tables",
        "Schema": "public",
        "Alias": "rate_tables",
        "Index Name": "ix_rate_tables_state_product_coverage_date",
        "Startup Cost": 0.29,
        "Total Cost": 8.31,
        "Plan Rows": 1,
        "Plan Width": 12,
        "Actual Startup Time": 0.021,
        "Actual Total Time": 0.023,
        "Actual Rows": 1,
        "Actual Loops": 1,
        "Index Cond": "((state = 'CA'::text) AND (product = 'auto'::text) AND (effective_from <= '2029-05-01'::date))",
        "Filter": "('2029-05-01'::date <= effective_to)",
        "Rows Removed by Filter": 3,
        "Shared Hit Blocks": 5,
        "Shared Read Blocks": 0,
    },
    "Planning Time": 0.14,
    "Execution Time": 0.041,
    "Settings": {"jit": "off"},
}


def plan_fact(operation: str = "rating_lookup", *, kind: str = "custom", document: Any = None) -> PlanFact:
    """Return one recorded plan."""
    return msgspec.convert(
        {
            "operation": operation,
            "role": "app",
            "kind": kind,
            "sql": SQL,
            "arguments": ("CA", "auto", "liability", "2029-05-01"),
            "document": PLAN_DOCUMENT if document is None else document,
        },
        PlanFact,
    )
