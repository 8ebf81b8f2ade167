"""WT01-locks: sessions wait for locks that other transactions hold, so a bigger pool only adds to those who wait.

Trigger: of the sessions at work at least a quarter wait for a heavyweight lock (wait event type ``Lock``), by all of
the interval over eight readings or more; and server, pooler, generator and machine have room
(``bench.analysis.bottleneck``). Holds with as many connections as clients, too, where nobody waits for a connection.
Where the collector read ``pg_locks``, the finding names what is locked and who holds it: the sessions at the head,
which wait for nobody's lock.
Source: https://www.postgresql.org/docs/current/explicit-locking.html; pg_blocking_pids.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from bench.analysis.findings.waits.waiting import waiting_for
from bench.analysis.wording import percent
from bench.model.timeline import IN_TRANSACTION

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.analysis.findings.context import Context
    from bench.analysis.findings.waits.waiting import Waiting
    from bench.analysis.measurement import Finding
    from bench.analysis.summary import TrialSummary
    from bench.model.timeline import Blocker

RULE = "WT01-locks"
MOST_NAMED = 5
MOST_LETTERS = 80
AUTOVACUUM = "autovacuum worker"
_PREPARE = re.compile(r"^prepare \S+(?: ?\([^)]*\))? as ", re.IGNORECASE)
"""The server keeps the text that it saw first, which may be that of a PREPARE."""

_ROW = (
    "Shorten the transactions that write it: change the contended row last, commit at once, and let nothing in between "
    "wait for the application. Where all change the same row (a counter, a balance), spread it over several rows or "
    "insert the changes and add them up; where several rows are changed, do it in the same order everywhere. A foreign "
    "key locks the parent's row: index the referencing column, so that no delete or change of the parent scans for "
    "its children while it holds that row."
)
_REMEDIES = {
    "row lock": _ROW,
    "relation lock": "Somebody locks the whole table. Keep changes of its definition, TRUNCATE, LOCK TABLE and VACUUM "
    "FULL out of the load, use the CONCURRENTLY forms, and set `lock_timeout` for them, so that everybody does "
    "not queue behind them.",
    "advisory lock": "All ask for the same advisory lock: choose a key for each thing that is guarded, take it later "
    "and give it back earlier.",
    "lock to extend": "Sessions wait to make the table longer: insert many rows with a statement (or COPY), from fewer "
    "sessions; PostgreSQL 16 and newer extend by larger steps.",
}


def find(context: Context) -> list[Finding]:
    """Report the treatment with the highest throughput that locks hold back."""
    waiting = waiting_for(context, "locks")
    if waiting is None:
        return []
    locked, blockers = _locked(waiting), _blockers(waiting)
    seen = sum(1 for one in waiting.readings if one.blockers)
    evidence = {
        "locked": {what: percent(share) for what, share in locked.items()} or "not known: pg_locks was not read",
        "blocked_by": {who: f"in {number} of {seen} readings" for who, number in blockers.most_common(MOST_NAMED)}
        or "not known: pg_blocking_pids was not asked",
    }
    first = next(iter(locked), None)
    return [
        waiting.finding(
            RULE,
            what=f": {first}" if first else "",
            evidence=evidence,
            remedy=f"Do not raise the pool. {_remedy(first)}{_of_blockers(waiting)}",
            source="https://www.postgresql.org/docs/current/explicit-locking.html",
        )
    ]


def _locked(waiting: Waiting) -> dict[str, float]:
    """Return what is locked, with its share of the sessions that wait for a lock."""
    counted = sum((Counter(one.locked) for one in waiting.readings), Counter[str]())
    whole = counted.total()
    return {what: number / whole for what, number in counted.most_common(MOST_NAMED)} if whole > 0 else {}


def _remedy(first: str | None) -> str:
    return next((text for kind, text in _REMEDIES.items() if first and first.startswith(kind)), _ROW)


def _blockers(waiting: Waiting) -> Counter[str]:
    """Return who holds the locks, with the number of readings in which it did."""
    texts = _texts(waiting.trials)
    return Counter(
        who for one in waiting.readings for who in sorted({describe(blocker, texts) for blocker in one.blockers})
    )


def _texts(trials: Sequence[TrialSummary]) -> dict[int, str]:
    """Return the load's statements by id, as the server normalised them: nothing secret is left in these."""
    return {
        fact.queryid: _PREPARE.sub("", " ".join(fact.query.split()))[:MOST_LETTERS]
        for trial in trials
        if trial.facts.server
        for fact in trial.facts.server.statements
    }


def describe(blocker: Blocker, texts: dict[int, str]) -> str:
    """Say who holds a lock and what it does meanwhile."""
    who = "a session of the load" if blocker.ours else f"somebody else ({blocker.backend_type})"
    text = texts.get(blocker.queryid) if blocker.queryid is not None else None
    if blocker.state.startswith(IN_TRANSACTION):
        return f"{who}, {blocker.state}" + (f" after {text}" if text else "")
    doing = f"running {text}" if text else blocker.state or "doing what this role may not see"
    return f"{who}, {doing}" + (f", waiting for {blocker.wait}" if blocker.wait else "")


def _of_blockers(waiting: Waiting) -> str:
    """Say what the holders themselves call for."""
    holding = [one.blockers for one in waiting.readings if one.blockers]
    most = len(holding) / 2
    idle = sum(any(one.state.startswith(IN_TRANSACTION) for one in blockers) for blockers in holding)
    others = sum(any(not one.ours for one in blockers) for blockers in holding)
    vacuum = any(one.backend_type == AUTOVACUUM for blockers in holding for one in blockers)
    said = ""
    if holding and idle >= most:
        said += (
            f" The holder is idle in its transaction in {idle} of {len(holding)} readings: the application holds the "
            "lock while it does something else. Move that out of the transaction, send the statements together, and "
            "set `idle_in_transaction_session_timeout` as a bound."
        )
    if holding and others >= most:
        said += f" The holder does not belong to the load in {others} of {len(holding)} readings: find out who it is."
    if vacuum:
        said += " An autovacuum that does not give way prevents wraparound: let it end, and vacuum earlier next time."
    return said
