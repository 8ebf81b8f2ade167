"""What the load's sessions waited for inside the server, as shares of those at work; and who held their locks.

A session at work is active: it computes, or waits for one of these (``pg_stat_activity.wait_event``):

* ``locks``: another transaction holds a row, a table or a key (``Lock``);
* ``latches``: another session is at the same page or structure in memory (``LWLock`` not for WAL, ``BufferPin``);
* ``wal``: its commit waits until WAL is written and flushed (``WALInsert``, ``WALWrite``, ``WalSync``);
* ``disk``: pages or temporary files come from outside shared memory (``IO`` but for WAL, ``BufferIo``);
* ``transactions``: it waits for nobody but the application, with a transaction open (``idle in transaction``); these
  are set beside the sessions at work, not among them.

Events belong to the server's version, so they are sorted by name: https://www.postgresql.org/docs/current/monitoring-stats.html#WAIT-EVENT-TABLE
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Literal

import msgspec

from bench.analysis.activity import readings_in_window
from bench.model.timeline import CPU, IDLE, IN_TRANSACTION, LOCK
from bench.stats.estimate import Estimate, Refused
from bench.stats.shares import share_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.analysis.summary import TrialSummary
    from bench.model.timeline import Reading

Cause = Literal["locks", "latches", "wal", "disk", "transactions"]

QUARTER = 0.25
"""Share that must wait for locks or latches, all of its interval: one more session would only wait beside them."""
HALF = 0.5
"""The same for what sessions share or overlap (a flush, a disk, an open transaction): there more of them still help."""
CROWDED: dict[Cause, float] = {
    "locks": QUARTER,
    "latches": QUARTER,
    "wal": HALF,
    "disk": HALF,
    "transactions": HALF,
}
MOST_EVENTS = 5


class Waits(msgspec.Struct, frozen=True, kw_only=True):
    """The waits of one treatment, over the readings of all its trials."""

    at_work: float
    """Sessions at work in a mean reading."""
    in_transaction: float
    """Sessions that wait for the application with a transaction open, in a mean reading."""
    shares: dict[str, Estimate | Refused]
    """By ``Cause``, and ``CPU``: sessions at work that do not wait."""
    events: dict[str, float] = {}
    """The events that most of them waited for, as shares of the sessions at work."""

    @property
    def cause(self) -> Cause | None:
        """What the sessions wait for, where all of the interval says so and it is more than a session at a time."""
        found: list[tuple[float, Cause]] = [
            (share.point, cause)
            for cause, least in CROWDED.items()
            if isinstance(share := self.shares.get(cause), Estimate)
            and share.low >= least
            and (self.in_transaction if cause == "transactions" else self.at_work) >= 1
        ]
        return max(found)[1] if found else None


def cause_of(event: str) -> Cause | None:
    """Return what ``type:event`` waits for; None for what belongs to the statement itself, such as a sleep."""
    kind, _, name = event.partition(":")
    word = name.casefold()
    if kind == LOCK:
        return "locks"
    if kind in ("LWLock", "IO") and word.startswith("wal"):
        return "wal"
    if kind in ("LWLock", "BufferPin", "Buffer"):
        return "latches"
    if kind == "IO" or word == "bufferio":
        return "disk"
    return None


def read_waits(trials: Sequence[TrialSummary]) -> Waits | None:
    """Return the waits in the windows of one treatment's trials; None where no collector looked."""
    readings = [one for trial in trials for one in readings_in_window(trial)]
    if not readings:
        return None
    working = [_at_work(one) for one in readings]
    causes = [_by_cause(one) for one in readings]
    held = [one.waits.get(IN_TRANSACTION, 0) for one in readings]
    shares: dict[str, Estimate | Refused] = {
        cause: share_of([found.get(cause, 0) for found in causes], working)
        for cause in CROWDED
        if cause != "transactions"
    }
    shares["transactions"] = share_of(held, [sum(pair) for pair in zip(held, working, strict=True)])
    shares[CPU] = share_of([one.waits.get(CPU, 0) for one in readings], working)
    events = sum((Counter(one.events) for one in readings), Counter[str]())
    whole = sum(working)
    return Waits(
        at_work=whole / len(readings),
        in_transaction=sum(held) / len(readings),
        shares=shares,
        events={name: number / whole for name, number in events.most_common(MOST_EVENTS)} if whole > 0 else {},
    )


def _at_work(one: Reading) -> int:
    return sum(number for kind, number in one.waits.items() if kind not in (IDLE, IN_TRANSACTION))


def _by_cause(one: Reading) -> Mapping[str, int]:
    found: Counter[str] = Counter()
    for event, number in one.events.items():
        cause = cause_of(event)
        if cause is not None:
            found[cause] += number
    return found
