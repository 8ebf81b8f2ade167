"""Health of a database and its pooler at one instant. What could not be read is None or empty."""

from __future__ import annotations

import msgspec

from bench.model.facts import Caveat


class _Health(msgspec.Struct, frozen=True, kw_only=True):
    """Read once and never changed."""


class PoolHealth(_Health, frozen=True):
    """One row of SHOW POOLS with its database's limit. pgBouncer keeps its names."""

    database: str
    user: str
    mode: str
    pool_size: int
    paused: bool
    cl_active: int
    cl_waiting: int
    sv_active: int
    sv_idle: int
    sv_used: int
    sv_tested: int
    sv_login: int
    maxwait_s: float

    @property
    def utilisation(self) -> float:
        """Share of the pool's server connections that a client holds; 0 where the pool may have none."""
        return self.sv_active / self.pool_size if self.pool_size else 0.0


class PoolerHealth(_Health, frozen=True):
    """A pgBouncer. ``totals`` are SHOW STATS ``total_*`` by database, cumulative."""

    version: str
    pools: tuple[PoolHealth, ...]
    totals: dict[str, dict[str, int]]
    lists: dict[str, int]
    max_client_conn: int | None = None


class Session(_Health, frozen=True):
    """A session in a transaction or waiting for a lock. Its query is not read: it may hold personal data."""

    pid: int
    user: str
    database: str
    application: str
    state: str
    waits_for: str
    """``type:event``, empty where it does not wait."""
    transaction_s: float | None
    """Age of its transaction."""
    state_s: float
    """How long it has been in its state."""
    lock_wait_s: float | None
    blocked_by: tuple[int, ...]

    @property
    def idles(self) -> bool:
        """Tell whether it holds a transaction open and does nothing."""
        return self.state.startswith("idle in transaction")


class PartitionHealth(_Health, frozen=True):
    """Partitioned by time. ``months_ahead`` counts whole months after this one, -1 where this one is missing."""

    table: str
    months_ahead: int
    has_default: bool


class ServerHealth(_Health, frozen=True):
    """A PostgreSQL server and one of its databases. ``counters`` are pg_stat_database columns, cumulative."""

    version: str
    database: str
    max_connections: int
    connections: dict[str, int]
    """Client sessions of the whole server by state; ``hidden`` where the role may not see it."""
    sessions: tuple[Session, ...]
    locks_waiting: int
    autovacuum: int | None
    """Workers running; None where the role may not see them."""
    xid_age: int
    """Transactions since the oldest database was frozen; at two thousand million the server stops writing."""
    counters: dict[str, float]
    partitions: tuple[PartitionHealth, ...] = ()

    @property
    def connected(self) -> int:
        """All client sessions."""
        return sum(self.connections.values())


class Interval(_Health, frozen=True):
    """Differences of the server's counters between two readings ``seconds`` apart."""

    seconds: float
    blocks_hit: int
    blocks_read: int
    deadlocks: int
    temp_bytes: int
    transactions: int

    @property
    def hit_ratio(self) -> float | None:
        """Share of blocks found in shared buffers; None where none was asked for."""
        asked = self.blocks_hit + self.blocks_read
        return self.blocks_hit / asked if asked else None


class Health(_Health, frozen=True):
    """Server and pooler together. A part that did not answer is None and named in ``unreachable``."""

    server: ServerHealth | None
    pooler: PoolerHealth | None
    unreachable: dict[str, str] = {}
    """Why, by ``server`` or ``pooler``."""
    interval: Interval | None = None
    """None at the first reading."""
    unseen: tuple[Caveat, ...] = ()
    """What the roles may not see."""


def between(earlier: ServerHealth, later: ServerHealth, seconds: float) -> Interval:
    """Return what was counted between two readings; counters that were reset meanwhile count from zero."""

    def grown(name: str) -> int:
        before, after = earlier.counters.get(name, 0.0), later.counters.get(name, 0.0)
        return round(after - before if after >= before else after)

    return Interval(
        seconds=seconds,
        blocks_hit=grown("blks_hit"),
        blocks_read=grown("blks_read"),
        deadlocks=grown("deadlocks"),
        temp_bytes=grown("temp_bytes"),
        transactions=grown("xact_commit") + grown("xact_rollback"),
    )
