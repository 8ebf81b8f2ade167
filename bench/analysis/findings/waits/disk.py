"""WT04-disk: the server waits for pages or temporary files from outside its shared memory.

Trigger: of the sessions at work at least half wait for input or output that is not WAL (wait event type ``IO``, or
``BufferIo``: another session reads that page already), by all of the interval over eight readings or more; and server,
pooler, generator and machine have room (``bench.analysis.bottleneck``). They are not blocked: a disk serves several
at once, so more connections may help until it is full. Fewer pages help in any case.
Source: https://www.postgresql.org/docs/current/monitoring-stats.html#WAIT-EVENT-IO-TABLE; the tables are those of
pg_statio_user_tables.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.analysis.activity import table_accesses
from bench.analysis.configuration.in_force import amount_in_force
from bench.analysis.configuration.setting import gigabytes
from bench.analysis.findings.waits.waiting import waiting_for

if TYPE_CHECKING:
    from bench.analysis.findings.context import Context
    from bench.analysis.measurement import Finding

RULE = "WT04-disk"
MOST_TABLES = 3

_READ = (
    "Read fewer pages first: look for statements that read more than they return (a missing index, a scan of a whole "
    "table). Then keep more of them in memory: raise `shared_buffers` while the machine has memory for it, or give it "
    "more. A larger pool may lift the throughput while the disk has room; measure it."
)
_TEMPORARY = (
    "Sorts and hashes write temporary files: raise `work_mem` for the role or the statement that does, or let an index "
    "give the order."
)
_WRITE = (
    "Sessions write pages themselves: let checkpoints come less often (`max_wal_size`), let the background writer do "
    "more (`bgwriter_lru_maxpages`), insert in larger batches, or use a faster disk."
)
_WRITES = ("DataFileExtend", "DataFileWrite", "DataFileFlush", "DataFileSync", "DataFileTruncate")


def find(context: Context) -> list[Finding]:
    """Report the treatment with the highest throughput that waits for a disk."""
    waiting = waiting_for(context, "disk")
    if waiting is None:
        return []
    first = next(iter(waiting.events))
    tables = sorted(table_accesses(waiting.trials), key=lambda table: table.hit - table.accesses)
    databases = [trial.facts.server.database for trial in waiting.trials if trial.facts.server]
    now = amount_in_force(context.run.settings, "shared_buffers")
    return [
        waiting.finding(
            RULE,
            what=f": {first}",
            evidence={
                "blocks_read_by_table": {
                    table.table: table.accesses - table.hit
                    for table in tables[:MOST_TABLES]
                    if table.accesses > table.hit
                },
                "temporary_files": sum(one.get("temp_files", 0.0) for one in databases),
                "shared_buffers": gigabytes(now) if now else "not known",
            },
            remedy=_remedy(first),
            source="https://www.postgresql.org/docs/current/runtime-config-resource.html",
        )
    ]


def _remedy(event: str) -> str:
    name = event.partition(":")[2]
    if name.startswith("BufFile"):
        return _TEMPORARY
    return _WRITE if name in _WRITES else _READ
