"""Runs that never happened, taken through the real analysis: a queue is simulated, its samples are summarised."""

from __future__ import annotations

import dataclasses
import heapq
import json
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from bench.analysis.answer import answer_pool_size
from bench.analysis.findings import find_all
from bench.analysis.findings.context import Context
from bench.analysis.measure import measure_run
from bench.analysis.reported import measure_reported
from bench.analysis.trial import summarise
from bench.analysis.verdict import judge, judge_lines
from bench.design.plan import expand
from bench.model.facts import (
    Caveat,
    HostSummary,
    PlanFact,
    PoolerFacts,
    PoolGauges,
    ReportedTrial,
    RunFacts,
    ServerFacts,
    StatementFacts,
    TrialFacts,
    WorkerFacts,
)
from bench.model.sample import Outcome, Samples
from bench.model.scenario_text import read_raw
from bench.model.timeline import Memory, Reading, TableAccess, Timeline
from bench.report.material import Material
from bench.report.sections.files import RawFile

if TYPE_CHECKING:
    from bench.analysis.summary import TrialSummary
    from bench.design.plan import Trial
    from bench.model.scenario import Scenario

WINDOW_NS = 400_000_000
WARMUP_NS = 100_000_000
CORES = 4
SQL = (
    "SELECT rate FROM rate_tables\n WHERE state = $1 AND product = $2 AND coverage = $3\n"
    "   AND $4 BETWEEN effective_from AND effective_to"
)

SCENARIO = f'''name = "rating_lookup"
description = "One effective-dated rate by state, product, coverage and date"
budgets = ["p95(response_time) < 20ms", "error_rate < 0.1%"]

[load]
model = "closed"
clients = 50

[pool]
driver = "asyncpg"
size = 30

[pooler]
kind = "pgbouncer"

[run]
warmup = "100ms"
window = "400ms"
replicates = 5

[sweep]
"pool.size" = [2, 4, 8, 16, 32, 64]
"load.clients" = [10, 50, 100]

[[operation]]
name = "rating_lookup"
sql = """{SQL}"""
index = "ix_rate_tables_state_product_coverage_date"
'''


def _service_ns(generator: np.random.Generator, size: int) -> int:
    # More busy connections than cores share them, and switching costs a little more each.
    shared = max(1.0, size / (2 * CORES)) ** 1.06
    return int(550_000 * shared * generator.lognormal(0.0, 0.35))


def simulate(clients: int, size: int, seed: int, operations: int = 1) -> np.ndarray:
    """Run a closed loop of ``clients`` over ``size`` connections; rows as a recorder writes them."""
    generator = np.random.default_rng(seed)
    slow = float(generator.normal(1.0, 0.015))
    end = WARMUP_NS + WINDOW_NS
    free = [0] * size
    due = [int(generator.integers(0, 200_000)) for _ in range(clients)]
    heapq.heapify(due)
    heapq.heapify(free)
    rows: list[tuple[int, ...]] = []
    while due:
        intended = heapq.heappop(due)
        if intended >= end:
            continue
        dispatched = intended + 4_000
        acquired = max(dispatched + 3_000, heapq.heappop(free))
        completed = acquired + int(_service_ns(generator, min(size, clients)) * slow)
        released = completed + 60_000
        heapq.heappush(free, released)
        heapq.heappush(due, released)
        rows.append((intended, dispatched, acquired, completed, released, len(rows) % operations, int(Outcome.OK)))
    return np.array(rows, dtype=np.int64)


def simulate_open(rate: float, size: int, seed: int) -> np.ndarray:
    """Run Poisson arrivals at ``rate`` per second over ``size`` connections."""
    generator = np.random.default_rng(seed)
    end = WARMUP_NS + WINDOW_NS
    arrivals = np.cumsum(generator.exponential(1e9 / rate, int(2 * rate * end / 1e9) + 10)).astype(np.int64)
    free = [0] * size
    rows = []
    for intended in arrivals[arrivals < end].tolist():
        dispatched = intended + 5_000
        acquired = max(dispatched + 3_000, heapq.heappop(free))
        completed = acquired + _service_ns(generator, min(size, CORES * 2))
        heapq.heappush(free, completed + 60_000)
        rows.append((intended, dispatched, acquired, completed, completed + 60_000, 0, int(Outcome.OK)))
    return np.array(rows, dtype=np.int64)


def _facts(trial: Trial, scenario: Scenario, rows: np.ndarray, notes: tuple[Caveat, ...]) -> TrialFacts:
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


def material(text: str = SCENARIO, *, spoiled: tuple[int, int] | None = (64, 100), **changes: Any) -> Material:
    """Simulate, summarise, measure, judge and answer a scenario; ``spoiled`` is a treatment whose settings changed."""
    raw = read_raw(text, "sample.toml")
    plan, scenarios = expand(raw, "sample.toml")
    scenario = next(iter(scenarios.values()))
    summaries: list[TrialSummary] = []
    for trial in plan.trials:
        treatment = trial.treatment
        place = (treatment["pool.size"], treatment.get("load.clients", 50))
        if "load.rate" in treatment:
            rows = simulate_open(float(treatment["load.rate"]), int(place[0]), trial.seed)
        else:
            rows = simulate(int(place[1]), int(place[0]), trial.seed, len(scenario.operation))
        notes = (
            Caveat(
                code="settings-changed",
                text="work_mem changed from 4MB to 64MB while the trial ran",
                cure="Keep others away from the server, then run again.",
                invalidates=True,
            ),
        )
        facts = _facts(trial, scenario, rows, notes if place == spoiled else ())
        summaries.append(summarise(trial, facts, Samples.from_rows(rows, 0, 0), scenarios[trial.id]))
    whole = msgspec.structs.replace(
        scenario, sweep={key: tuple(levels) for key, levels in raw.get("sweep", {}).items()}
    )
    return conclude(whole, text, plan, summaries, **changes)


def conclude(scenario: Scenario, text: str, plan: Any, summaries: list[TrialSummary], **changes: Any) -> Material:
    """Take summaries through the rest of the analysis."""
    measurements = measure_run(summaries, plan, [operation.name for operation in scenario.operation])
    lines = judge_lines(measurements, scenario.all_budgets)
    answer = answer_pool_size(measurements, lines, summaries, np.random.default_rng(7))
    verdict = judge(measurements, scenario, answer.recommended)
    plans = (plan_fact(), plan_fact(kind="generic"))
    findings = find_all(Context(RUN, scenario, measurements, summaries, plans, verdict, answer))
    values: dict[str, Any] = {
        "run": RUN,
        "measurements": measurements,
        "findings": findings,
        "verdict": verdict,
        "answer": answer,
        "scenario": scenario,
        "scenario_text": text,
        "plan": plan,
        "host": HOST,
        "trials": summaries,
        "plans": plans,
        "files": (
            RawFile("../../results/r1/run.json", "what holds for the whole run"),
            RawFile("../../results/r1/measurements.json", "every metric with its interval"),
        ),
        **changes,
    }
    return Material(**values)


OPEN = SCENARIO.replace('model = "closed"\nclients = 50', 'model = "open"\nrate = "2000/s"').replace(
    '"pool.size" = [2, 4, 8, 16, 32, 64]\n"load.clients" = [10, 50, 100]',
    '"pool.size" = [4, 8, 16]\n"load.rate" = ["1000/s", "3000/s", "5000/s", "7000/s"]',
)
ONE_FACTOR = SCENARIO.replace('"load.clients" = [10, 50, 100]\n', "")
ONE_TREATMENT = ONE_FACTOR.replace('"pool.size" = [2, 4, 8, 16, 32, 64]\n', "")
THREE_FACTORS = SCENARIO.replace(
    '"pool.size" = [2, 4, 8, 16, 32, 64]\n"load.clients" = [10, 50, 100]',
    '"pool.size" = [4, 8, 16]\n"load.clients" = [10, 50]\n"pool.reset" = ["default", "none"]',
)
WORDS = SCENARIO.replace(
    '"pool.size" = [2, 4, 8, 16, 32, 64]\n"load.clients" = [10, 50, 100]',
    '"pool.driver" = ["asyncpg", "psycopg"]',
)


def large(treatments: int = 64, operations: int = 12) -> Material:
    """Return a wide sweep over many operations, copied from one measured treatment with scaled numbers."""
    several = ONE_TREATMENT.replace("replicates = 5", "replicates = 3") + "".join(
        f'\n[[operation]]\nname = "operation {number}"\nsql = "select {number}"\n'
        for number in range(2, operations + 1)
    )
    small = material(several, spoiled=None)
    side = round(treatments**0.5)
    cells = [(size, clients) for size in range(1, side + 1) for clients in range(1, treatments // side + 1)]
    measurements = [
        msgspec.structs.replace(
            one,
            treatment={**one.treatment, "pool.size": 4 * size, "load.clients": 10 * clients},
            metrics={
                name: value.scaled(0.5 + size / 9 + clients / 20, value.unit) for name, value in one.metrics.items()
            },
        )
        for size, clients in cells
        for one in small.measurements
    ]
    assert small.verdict is not None
    lines = tuple(
        msgspec.structs.replace(line, treatment=one.treatment, counts=index == 0)
        for line in small.verdict.lines
        for index, one in enumerate(measurements[:: operations + 1])
    )
    return dataclasses.replace(
        small, measurements=measurements, verdict=msgspec.structs.replace(small.verdict, lines=lines)
    )


def reported() -> Material:
    """Return the figures of an audit that gave no evidence: 5,619/s with 100 clients and a p95 of 989 ms."""
    trial = ReportedTrial(
        treatment={"pool.size": 30, "load.clients": 100}, metrics={"throughput": 5619.0, "response_time.p95": 0.989}
    )
    text = SCENARIO.replace("p95(response_time) < 20ms", "p95(response_time) < 100ms")
    raw = read_raw(text, "sample.toml")
    _, scenarios = expand(raw, "sample.toml")
    scenario = next(iter(scenarios.values()))
    measurements = [measure_reported(trial)]
    return Material(
        run=msgspec.structs.replace(RUN, status="reported", reported=(trial,)),
        measurements=measurements,
        verdict=judge(measurements, scenario),
        scenario=scenario,
    )


def as_json(value: Any) -> Any:
    """Take a value through JSON, as the store does."""
    return json.loads(json.dumps(value))
