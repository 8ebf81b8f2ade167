"""WT02-latches: sessions wait for each other at the same page or the same structure in shared memory.

Trigger: of the sessions at work at least a quarter wait for a lightweight lock that is not about WAL (wait event type
``LWLock``, or ``BufferPin``), by all of the interval over eight readings or more; and server, pooler, generator and
machine have room (``bench.analysis.bottleneck``). The event names the structure, and each has its own cure.
Source: https://www.postgresql.org/docs/current/monitoring-stats.html#WAIT-EVENT-LWLOCK-TABLE.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.analysis.activity import table_accesses
from bench.analysis.findings.waits.waiting import waiting_for

if TYPE_CHECKING:
    from bench.analysis.findings.context import Context
    from bench.analysis.measurement import Finding

RULE = "WT02-latches"
MOST_TABLES = 3

_PAGE = (
    "Many sessions are at the same page: the last page of an index on a growing key, a small table that all update, or "
    "the root of an index. Spread the writes (a key that is not sequential, several rows instead of one, hash "
    "partitions), give a small hot table a lower `fillfactor`, and drop indexes that nobody needs."
)
_CURES = {
    "BufferContent": _PAGE,
    "BufferExclusive": _PAGE,
    "BufferShared": _PAGE,
    "BufferShareExclusive": _PAGE,
    "BufferMapping": "Pages come and go in shared_buffers faster than the table of pages can be changed: read fewer "
    "pages (an index, a smaller result), or raise `shared_buffers` so that the working set stays in.",
    "BufferPin": "Somebody keeps a page pinned that a cleanup needs: look for cursors that stay open and for VACUUM "
    "beside them.",
    "LockManager": "The tables that a statement locks do not fit its own list, so all sessions meet in the shared one: "
    "touch fewer partitions and indexes per statement (prune when planning, drop unused indexes), use fewer "
    "connections; PostgreSQL 18 makes the own list as long as `max_locks_per_transaction`.",
    "ProcArray": "Every snapshot and every commit reads the list of sessions: use fewer connections, and shorter and "
    "fewer transactions.",
    "XidGen": "Transactions ask for their number one after another: do more with each transaction.",
}
_SLRU = (
    "The server looks up transactions, subtransactions or row locks in a small cache of its own: use fewer savepoints "
    "and exception blocks, end long transactions, avoid many lockers of one row; from PostgreSQL 17 on the cache has "
    "a setting (`subtransaction_buffers`, `multixact_member_buffers` …)."
)
_OTHER = "Look the event up in the table of wait events, and run with fewer connections: they meet there."


def find(context: Context) -> list[Finding]:
    """Report the treatment with the highest throughput that latches hold back."""
    waiting = waiting_for(context, "latches")
    if waiting is None:
        return []
    first = next(iter(waiting.events))
    tables = table_accesses(waiting.trials)[:MOST_TABLES]
    return [
        waiting.finding(
            RULE,
            what=f": {first}",
            evidence={
                "tables_most_asked_for_blocks": {table.table: table.accesses for table in tables},
            },
            remedy=f"Do not raise the pool. {cure(first)}",
            source="https://www.postgresql.org/docs/current/monitoring-stats.html#WAIT-EVENT-LWLOCK-TABLE",
        )
    ]


def cure(event: str) -> str:
    """Return what helps against waits for this event, ``type:event``."""
    name = event.partition(":")[2]
    if name.endswith("SLRU") or name.startswith(("Subtrans", "Xact", "MultiXact", "CommitTs", "Notify", "Serial")):
        return _SLRU
    return _CURES.get(name, _OTHER)
