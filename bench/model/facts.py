"""What was observed beside the samples: counters, gauges, settings and plans of one trial, and of the whole run."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from bench.model.disturbance import Disturbed
from bench.model.scenario_text import Overrides
from bench.model.timeline import Timeline

Level = str | int | float | bool
PlanRole = Literal["app", "owner", "foreign"]
"""The application, the tables' owner, and the application for a tenant that is not there."""
PlanKind = Literal["custom", "generic", "auto"]
"""Planned with the values known, without them, or as the server chooses from execution to execution."""


class _Facts(msgspec.Struct, frozen=True, kw_only=True):
    """Facts are written once and never changed."""


class Caveat(_Facts, frozen=True):
    """A named doubt about a measurement, with its cure. ``invalidates`` takes the trial out of advice and gates."""

    code: str
    text: str
    cure: str
    invalidates: bool = False


class WorkerFacts(_Facts, frozen=True):
    """What one load process saw of itself during the measurement window."""

    worker: int
    pool_size: int
    clients: int
    cpu_s: float
    wall_s: float
    loop_lag_p50_ns: int
    loop_lag_p99_ns: int
    loop_lag_max_ns: int
    gc_pauses: int
    gc_pause_total_ns: int
    connections_opened: int
    rss_bytes: int
    executions_per_connection_min: int
    """Operations the least used connection had served when the window began (prepare threshold check)."""
    retries: dict[str, int] = {}
    """Attempts that lost against others and were made again, by operation, over the whole trial."""
    queued_s: float | None = None
    """Time in which it could run and others had the cores; None where the kernel does not tell."""
    host: str = ""
    """Name of the worker's machine; empty where it is the machine of the run."""


class PoolGauges(_Facts, frozen=True):
    """One reading of SHOW POOLS for the load's own pool, ``t_ns`` since the trial's start."""

    t_ns: int
    cl_active: int
    cl_waiting: int
    sv_active: int
    sv_idle: int
    sv_used: int
    sv_login: int
    maxwait_us: int


class PoolerFacts(_Facts, frozen=True):
    """The pooler during the window: differences of SHOW STATS ``total_*`` columns by name, gauges, its own process."""

    version: str
    mode: str
    pool_size: int
    max_prepared_statements: int
    stats: dict[str, int]
    gauges: tuple[PoolGauges, ...]
    cpu_s: float | None
    rss_bytes: int | None
    """Of all processes of the pooler together, as are ``stats`` and ``gauges``."""
    busiest_cpu_s: float | None = None
    """Of the process that used most: each is single-threaded, so that one is saturated first."""
    processes: int = 1
    since_ns: int = 0
    until_ns: int = 0
    """Instants of the two readings, since the trial's start: per-operation figures count operations between these."""
    settings: dict[str, str] = {}
    """What SHOW CONFIG says of limits and timeouts, by pgBouncer's own names."""
    servers_replaced: int | None = None
    """Server connections of the first reading that others had replaced at the second; None where nobody looked."""
    kind: str = "pgbouncer"
    """``pgpool`` counts neither statements nor waits: its ``stats`` and ``gauges`` are empty."""


class StatementFacts(_Facts, frozen=True):
    """Difference of one pg_stat_statements row over the window."""

    queryid: int
    query: str
    calls: int
    total_exec_s: float
    rows: int
    shared_blks_hit: int
    shared_blks_read: int
    temp_blks_written: int
    wal_bytes: int


class ServerFacts(_Facts, frozen=True):
    """PostgreSQL during the window. ``database`` holds pg_stat_database differences by column name."""

    statements: tuple[StatementFacts, ...]
    database: dict[str, float]
    cpu_s: float | None
    backends_rss_bytes: int | None
    settings_changed: dict[str, tuple[str, str]] = {}
    since_ns: int = 0
    until_ns: int = 0
    """Instants of the two readings of the counters, since the trial's start."""
    cpu_over_ns: int | None = None
    """Time between the two readings of the CPU; None: taken with those of the counters."""

    @property
    def cores_busy(self) -> float | None:
        """CPU seconds of the server's processes per second, None where they are unknown."""
        over_ns = self.until_ns - self.since_ns if self.cpu_over_ns is None else self.cpu_over_ns
        return None if self.cpu_s is None or over_ns <= 0 else self.cpu_s * 1e9 / over_ns


class PlanFact(_Facts, frozen=True):
    """One EXPLAIN document of one operation. ``document`` is the JSON as the server gave it."""

    operation: str
    role: PlanRole
    kind: PlanKind
    sql: str
    arguments: tuple[str, ...]
    document: dict[str, Any]
    step: int = 0
    """Place of the statement in its transaction, from 1; 0 for a single statement."""
    draw: int = 0
    """Which of the sets of values drawn for the operation; the same set in every role and kind."""
    execution: int = 0
    """Which execution of its session, from 1, where the server chose the kind; 0 where the kind was forced."""
    load: bool = True
    """Whether the load itself has this plan: others are there to be compared with it."""


class TrialFacts(_Facts, frozen=True):
    """Everything known about one trial but its samples. Instants are ns since the trial's start."""

    trial_id: str
    started_utc: str
    window_start_ns: int
    window_end_ns: int
    operations: tuple[str, ...]
    """Names by the index used in the samples' ``operation`` column."""
    workers: tuple[WorkerFacts, ...]
    cores: int
    load_average_1m: float
    pooler: PoolerFacts | None = None
    server: ServerFacts | None = None
    notes: tuple[Caveat, ...] = ()
    """Degraded conditions met while observing: nothing is left out silently."""
    timeline: Timeline | None = None
    """None where no collector ran, as in runs before there was one."""
    disturbed: tuple[Disturbed, ...] = ()
    """What the run did on purpose to the servers under this trial."""


class HostSummary(_Facts, frozen=True):
    """The machine, as ``host.json`` holds it. ``machine`` is a hash that tells machines apart, not a name."""

    machine: str
    cpu_model: str
    cores: int
    memory_bytes: int
    kernel: str
    python: str
    details: dict[str, Any] = {}


class RunFacts(_Facts, frozen=True):
    """What holds for every trial of a run, as ``run.json`` holds it."""

    run_id: str
    scenario: str
    status: Literal["running", "finished", "interrupted", "failed", "reported"]
    started_utc: str
    finished_utc: str | None
    commit: str
    bench_version: str
    quick: bool
    command: tuple[str, ...]
    versions: dict[str, str]
    """``postgresql``, ``pgbouncer``, ``asyncpg`` and so on."""
    alembic_head: str | None
    schema_hash: str | None
    row_counts: dict[str, int]
    dataset: dict[str, float]
    settings: dict[str, str]
    """pg_settings that differ from the built-in default."""
    seed: int
    overrides: Overrides = Overrides()
    """What the command line changed in the scenario."""
    caveats: tuple[Caveat, ...] = ()
    reported: tuple[ReportedTrial, ...] = ()
    worked_s: float | None = None
    """How long it took by the monotonic clock, over all sessions that ended in order; None where nobody measured it."""


class ReportedTrial(_Facts, frozen=True):
    """Figures somebody else stated without raw data; judged by the same laws, never trusted more than measured ones."""

    treatment: dict[str, Level]
    metrics: dict[str, float]
    """Metric name to value in seconds or 1/s, such as ``response_time.p95``."""
