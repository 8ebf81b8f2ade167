"""What server, pooler and their processes were doing during one trial, read a few times a second."""

from __future__ import annotations

import msgspec

CPU = "CPU"
"""Active without a wait: it computes, or would if it had a core."""
IDLE = "idle"
IN_TRANSACTION = "idle in transaction"
LOCK = "Lock"
"""The wait event type of heavyweight locks: somebody else holds what a session needs."""

BACKENDS = "backends"
"""The load's server connections."""
SERVER = "server"
"""The server's other processes: checkpointer, WAL writer, autovacuum, sessions of others."""
POOLER = "pooler"
WORKERS = "workers"
GROUPS = (BACKENDS, SERVER, POOLER, WORKERS)


class Blocker(msgspec.Struct, frozen=True, kw_only=True):
    """One session that others of the load wait for, and that waits for no lock itself."""

    ours: bool
    """Whether it is of the load, too."""
    backend_type: str
    """In the server's words; a prepared transaction has no backend and is called that."""
    state: str
    """``active``, ``idle in transaction`` …; empty where this role may not see it."""
    wait: str = ""
    """``type:event`` it waits for, empty if it computes."""
    queryid: int | None = None
    """Of its statement now or last, in pg_stat_statements; of the load's own sessions only. The text stays there."""


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """One instant, ``t_ns`` since the trial's start. What could not be read is absent from the dictionaries."""

    t_ns: int
    waits: dict[str, int] = {}
    """Sessions of the load: by wait event type where active, else ``CPU``, ``idle`` or ``idle in transaction``."""
    events: dict[str, int] = {}
    """The same sessions by ``type:event``, active and waiting ones only."""
    locks_waiting: int = 0
    """Sessions of the whole server that wait for a heavyweight lock."""
    locked: dict[str, int] = {}
    """Sessions of the load that wait for a lock, by what is locked: ``row lock on accounts``."""
    blockers: tuple[Blocker, ...] = ()
    """Who the longest of them wait for."""
    others_active: int = 0
    """Active sessions of other roles or databases."""
    autovacuum: int = 0
    """Autovacuum workers running."""
    processes: dict[str, int] = {}
    cpu_s: dict[str, float] = {}
    """CPU seconds since the reading before, by group of processes; it counts in hundredths."""
    rss_bytes: dict[str, int] = {}
    """Resident memory, by group. Shared buffers that several backends touched are counted in each."""
    private_bytes: dict[str, int] = {}
    """Resident memory that no other process shares by file or shared memory (RSS less shared pages)."""
    pooler_totals: dict[str, int] = {}
    """SHOW STATS of the load's database, cumulative: transactions, queries, assignments, wait in µs."""
    pooler_lists: dict[str, int] = {}
    """SHOW LISTS: clients and servers of the whole pooler."""


class TableAccess(msgspec.Struct, frozen=True, kw_only=True):
    """Blocks of one table in the window, in shared buffers (hit) or not (read); partitions count in their parent."""

    table: str
    heap_hit: int
    heap_read: int
    index_hit: int
    index_read: int

    @property
    def hit(self) -> int:
        """Blocks found in shared buffers."""
        return self.heap_hit + self.index_hit

    @property
    def accesses(self) -> int:
        """All blocks asked for."""
        return self.hit + self.heap_read + self.index_read


class InputOutput(msgspec.Struct, frozen=True, kw_only=True):
    """One row of pg_stat_io (PostgreSQL 16 and newer), as the difference over the window."""

    backend_type: str
    object: str
    context: str
    counts: dict[str, int]
    """Columns that grew: reads, writes, extends, hits, evictions, fsyncs."""


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """One group of processes after the window, by the kernel's own book-keeping."""

    group: str
    processes: int
    rss_bytes: int
    private_bytes: int
    pss_bytes: int | None = None
    """Proportional share: shared pages divided by who shares them. None where the kernel does not let us read it."""


class Timeline(msgspec.Struct, frozen=True, kw_only=True):
    """One trial as the collector saw it."""

    period_ns: int
    readings: tuple[Reading, ...]
    since_ns: int
    until_ns: int
    """Instants between which the differences below were taken, since the trial's start."""
    tables: tuple[TableAccess, ...] = ()
    """Tables whose blocks were asked for, most asked first."""
    io: tuple[InputOutput, ...] = ()
    wal: dict[str, float] = {}
    """Differences of pg_stat_wal."""
    checkpoints: dict[str, float] = {}
    """Differences of pg_stat_checkpointer, before PostgreSQL 17 of pg_stat_bgwriter, under the newer names."""
    autovacuumed: tuple[str, ...] = ()
    """What autovacuum worked on in the window, in the server's words."""
    memory: tuple[Memory, ...] = ()
    cpu_s: float = 0.0
    """CPU seconds of the collector itself."""

    @property
    def hit_ratio(self) -> float | None:
        """Share of the blocks asked for that were in shared buffers; None where no block was asked for."""
        accesses = sum(table.accesses for table in self.tables)
        return sum(table.hit for table in self.tables) / accesses if accesses else None
