"""WT03-commits: commits wait until their WAL is written and flushed.

Trigger: of the sessions at work at least half wait for WAL (``LWLock`` or ``IO`` events named ``WAL…``), by all of the
interval over eight readings or more; and server, pooler, generator and machine have room
(``bench.analysis.bottleneck``). One session flushes (``IO:WalSync``) for all that wait behind it (``LWLock:WALWrite``):
that is group commit at work, and more sessions in one flush are no fault. ``LWLock:WALInsert`` is another matter: many
sessions copy their records into the WAL buffers at once. Where the buffers were full, ``wal_buffers`` is named.
Source: https://www.postgresql.org/docs/current/wal-async-commit.html and wal-configuration.html (commit_delay).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.analysis.findings.waits.waiting import waiting_for
from bench.analysis.wording import number

if TYPE_CHECKING:
    from bench.analysis.findings.context import Context
    from bench.analysis.findings.waits.waiting import Waiting
    from bench.analysis.measurement import Finding

RULE = "WT03-commits"

_FLUSH = (
    "Do more with each commit: put the statements that belong together into one transaction, insert many rows with a "
    "statement. A faster disk for WAL (or one with a protected write cache) shortens each flush. More sessions share a "
    "flush, so measure a larger pool before ruling it out; with many at once try `commit_delay` of half the time of a "
    "flush (pg_test_fsync tells it). `synchronous_commit = off` removes the wait at a risk: a crash of the server "
    "loses the commits of the last moments, up to three times `wal_writer_delay`, that clients believe to be done; use "
    "it only for transactions that may be lost, with SET LOCAL."
)
_INSERT = (
    "Write less WAL from fewer sessions at once: batch rows (COPY, many rows a statement), drop indexes that nobody "
    "needs, keep updates off indexed columns. Full pages after checkpoints are a part of it: raise `max_wal_size` so "
    "that they come seldom, try `wal_compression`. More sessions than cores only meet at the same buffers."
)


def find(context: Context) -> list[Finding]:
    """Report the treatment with the highest throughput that waits for WAL."""
    waiting = waiting_for(context, "wal")
    if waiting is None:
        return []
    first = next(iter(waiting.events))
    full = sum(_wal_of(waiting, "wal_buffers_full"))
    remedy = _INSERT if first.casefold() in ("lwlock:walinsert", "lwlock:walbufmapping") else _FLUSH
    if full:
        remedy += f" WAL buffers were full {number(full)} times: raise `wal_buffers` (a restart)."
    return [
        waiting.finding(
            RULE,
            what=f": {first}",
            evidence=_wal(waiting),
            remedy=remedy,
            source="https://www.postgresql.org/docs/current/wal-async-commit.html and "
            "https://www.postgresql.org/docs/current/wal-configuration.html",
        )
    ]


def _wal_of(waiting: Waiting, name: str) -> list[float]:
    return [trial.facts.timeline.wal.get(name, 0.0) for trial in waiting.trials if trial.facts.timeline]


def _wal(waiting: Waiting) -> dict[str, float]:
    """Return how much WAL, how many commits and, from PostgreSQL 18 on, how many of them a flush took."""
    commits = sum(trial.facts.server.database.get("xact_commit", 0.0) for trial in waiting.trials if trial.facts.server)
    flushes = sum(
        row.counts.get("fsyncs", 0)
        for trial in waiting.trials
        if trial.facts.timeline
        for row in trial.facts.timeline.io
        if row.object == "wal"
    )
    found = {
        "wal_bytes": sum(_wal_of(waiting, "wal_bytes")),
        "wal_buffers_full": sum(_wal_of(waiting, "wal_buffers_full")),
        "commits": commits,
    }
    return {**found, "commits_per_flush": commits / flushes} if flushes > 0 else found
