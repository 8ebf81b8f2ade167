"""Reads the server for the collector: sessions at one instant, and cumulative counters at both ends of a window."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.rows import dict_row

from bench.environment.connection import open_connection
from bench.environment.probes import probe_sql
from bench.model.facts import Caveat
from bench.model.timeline import CPU, IDLE, IN_TRANSACTION, LOCK, Blocker, InputOutput, TableAccess

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.environment.collector.order import Order

_HAS_IO = 16
_COUNTERS = ("tables", "io", "wal", "checkpoints")
_KEYS = {"tables": ("name",), "io": ("backend_type", "object", "context"), "wal": (), "checkpoints": ()}
_TIMEOUT_MS = 5000
"""A server that is stopped or swamped must not keep the trial waiting for its observer."""

HIDDEN = Caveat(
    code="sessions-hidden",
    text="the observing role may not see what sessions of other roles do: their waits, and whether autovacuum runs",
    cure="GRANT pg_monitor to the role of `--dsn`.",
)


@dataclass(slots=True)
class Sessions:
    """Sessions at one instant, and the process ids of the load's and of all others but ours."""

    waits: dict[str, int] = field(default_factory=dict)
    events: dict[str, int] = field(default_factory=dict)
    locks_waiting: int = 0
    locked: dict[str, int] = field(default_factory=dict)
    blockers: tuple[Blocker, ...] = ()
    others_active: int = 0
    autovacuum: int = 0
    autovacuumed: tuple[str, ...] = ()
    load_pids: list[int] = field(default_factory=list)
    other_pids: list[int] = field(default_factory=list)


Counters = dict[str, dict[tuple[str, ...], dict[str, Any]]]
"""Rows of the cumulative views by purpose and key."""


class ServerReader:
    """One connection, with the role that observes. ``notes`` name what this role or version does not show."""

    def __init__(self, order: Order) -> None:
        self._connection: psycopg.Connection[Any] = open_connection(order.admin, row_factory=dict_row)
        self._version = self._connection.info.server_version // 10_000
        self._role = order.load.user
        self._connection.execute("SELECT set_config('statement_timeout', %s, false)", [str(_TIMEOUT_MS)])
        self.notes: list[Caveat] = []
        seeing = self._connection.execute("SELECT pg_has_role('pg_read_all_stats', 'USAGE') AS sees").fetchone()
        if not (seeing and seeing["sees"]):
            self.notes.append(HIDDEN)
        self._usable = [name for name in _COUNTERS if name != "io" or self._version >= _HAS_IO]

    def close(self) -> None:
        """Disconnect."""
        self._connection.close()

    def _all(self, purpose: str, **arguments: object) -> list[dict[str, Any]]:
        text = probe_sql(purpose, self._version)
        return self._connection.execute(text.encode(), arguments or None, prepare=True).fetchall()

    def sessions(self) -> Sessions:
        """Read what every session does now, without a lock on anything; whose locks they wait for only if they do.

        Asking for locks stops whoever takes one for a moment, so it is asked where somebody waits, and of few.
        """
        found = Sessions()
        for row in self._all("activity", role=self._role):
            _count(found, row)
        if found.waits.get(LOCK):
            found.locked = {row["what"]: row["sessions"] for row in self._all("locks", role=self._role)}
            found.blockers = tuple(Blocker(**row) for row in self._all("blockers", role=self._role))
        return found

    def counters(self) -> Counters:
        """Read the cumulative views; one that this role may not read is named and left out from then on."""
        found: Counters = {}
        for purpose in tuple(self._usable):
            try:
                rows = self._all(purpose)
            except psycopg.errors.InsufficientPrivilege as error:
                self._usable.remove(purpose)
                self.notes.append(
                    Caveat(
                        code=f"{purpose}-unreadable",
                        text=f"the observing role may not read the server's {purpose} counters: "
                        + " ".join((error.diag.message_primary or str(error)).split()),
                        cure="GRANT pg_monitor to the role of `--dsn`.",
                    )
                )
                continue
            found[purpose] = {tuple(str(row[name]) for name in _KEYS[purpose]): row for row in rows}
        return found


def _count(found: Sessions, row: Mapping[str, Any]) -> None:
    number, kind, state = row["sessions"], row["wait_event_type"], row["state"]
    active = state in ("active", "fastpath function call")
    if kind == LOCK:
        found.locks_waiting += number
    if row["backend_type"] == "autovacuum worker":
        found.autovacuum += number
        found.autovacuumed = tuple(sorted({*found.autovacuumed, *(row["queries"] or ())}))
    if not row["ours"]:
        if not row["observer"]:
            found.other_pids += row["pids"]
            found.others_active += number if active and row["backend_type"] == "client backend" else 0
        return
    found.load_pids += row["pids"]
    name = _name(state, kind, active=active)
    found.waits[name] = found.waits.get(name, 0) + number
    if active and kind:
        event = f"{kind}:{row['wait_event']}"
        found.events[event] = found.events.get(event, 0) + number


def _name(state: str | None, kind: str | None, *, active: bool) -> str:
    if active:
        return kind or CPU
    if state is not None and state.startswith(IN_TRANSACTION):
        return IN_TRANSACTION
    return state or IDLE


def grown(before: Counters, after: Counters, purpose: str) -> dict[tuple[str, ...], dict[str, Any]]:
    """Return the rows of one view as differences; a row that was not there before counts from zero."""
    earlier = before.get(purpose, {})
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    for key, row in after.get(purpose, {}).items():
        past = earlier.get(key, {})
        found[key] = {
            name: value - (past.get(name) or 0)
            for name, value in row.items()
            if isinstance(value, int | float) and not isinstance(value, bool)
        }
    return found


def table_accesses(before: Counters, after: Counters) -> tuple[TableAccess, ...]:
    """Return the tables that were asked for blocks, most asked first."""
    tables = [TableAccess(table=key[0], **row) for key, row in grown(before, after, "tables").items()]
    return tuple(sorted((table for table in tables if table.accesses > 0), key=lambda table: -table.accesses))


def input_output(before: Counters, after: Counters) -> tuple[InputOutput, ...]:
    """Return who did I/O, by the rows of pg_stat_io that grew."""
    found = []
    for (backend_type, target, context), row in grown(before, after, "io").items():
        counts = {name: int(value) for name, value in row.items() if value > 0}
        if counts:
            found.append(InputOutput(backend_type=backend_type, object=target, context=context, counts=counts))
    return tuple(found)


def totals(before: Counters, after: Counters, purpose: str) -> dict[str, float]:
    """Return the differences of a view of one row."""
    return {name: float(value) for row in grown(before, after, purpose).values() for name, value in row.items()}
