"""Reads a server's health over one connection: sessions, counters, and how far its partitions reach."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg.rows import dict_row

from bench.environment.connection import open_connection
from bench.environment.partition_checks import months_ahead, read_children, read_now
from bench.environment.probes import probe_sql
from bench.model.facts import Caveat
from bench.model.health import PartitionHealth, ServerHealth, Session
from bench.model.timeline import LOCK

if TYPE_CHECKING:
    from collections.abc import Iterable

    import psycopg

    from bench.model.endpoint import Endpoint

_COUNTERS = (
    "numbackends", "xact_commit", "xact_rollback", "blks_read", "blks_hit", "deadlocks", "temp_files", "temp_bytes",
)  # fmt: skip
_TIMEOUT_MS = 5000
_HIDDEN = "hidden"

HIDDEN = Caveat(
    code="sessions-hidden",
    text="this role sees only its own sessions: transactions, waits and locks of other roles are hidden, and so is "
    "autovacuum",
    cure="GRANT pg_monitor TO the role of `--dsn`.",
)


class ServerProbe:
    """One connection. Partitions are read every ``PARTITION_READINGS`` readings: months do not pass in between."""

    PARTITION_READINGS = 30

    def __init__(self, endpoint: Endpoint) -> None:
        options = f"-c timezone=UTC -c statement_timeout={_TIMEOUT_MS}"
        self._connection: psycopg.Connection[Any] = open_connection(endpoint, row_factory=dict_row, options=options)
        self._version = self._connection.info.server_version // 10_000
        self._readings = 0
        self._partitions: tuple[PartitionHealth, ...] = ()
        self.unseen: tuple[Caveat, ...] = ()

    def close(self) -> None:
        """Disconnect."""
        self._connection.close()

    def _all(self, purpose: str) -> list[dict[str, Any]]:
        return self._connection.execute(probe_sql(purpose, self._version).encode()).fetchall()

    def read(self) -> ServerHealth:
        """Read once; raises ``psycopg.Error`` where the server does not answer."""
        server = self._all("server")[0]
        self.unseen = () if server["sees_all"] else (HIDDEN,)
        rows = self._all("sessions")
        if self._readings % self.PARTITION_READINGS == 0:
            self._partitions = self._read_partitions()
        self._readings += 1
        clients = [row for row in rows if row["backend_type"] != "autovacuum worker"]
        return ServerHealth(
            version=server["version"],
            database=server["database"],
            max_connections=server["max_connections"],
            connections=_by_state(clients),
            sessions=_noteworthy(clients),
            locks_waiting=sum(row["waits_for"].startswith(f"{LOCK}:") for row in rows),
            autovacuum=len(rows) - len(clients) if server["sees_all"] else None,
            xid_age=server["xid_age"],
            counters={name: float(server[name]) for name in _COUNTERS},
            partitions=self._partitions,
        )

    def _read_partitions(self) -> tuple[PartitionHealth, ...]:
        now = read_now(self._connection)
        found = []
        for row in self._all("partitioned"):
            children = read_children(self._connection, row["name"])
            ahead = months_ahead(children, now)
            if ahead is not None:
                default = any(child.is_default for child in children)
                found.append(PartitionHealth(table=row["name"], months_ahead=ahead, has_default=default))
        return tuple(found)


def _by_state(rows: Iterable[dict[str, Any]]) -> dict[str, int]:
    found: dict[str, int] = {}
    for row in rows:
        state = row["state"] or _HIDDEN
        found[state] = found.get(state, 0) + 1
    return dict(sorted(found.items()))


def _noteworthy(rows: Iterable[dict[str, Any]]) -> tuple[Session, ...]:
    """Return the sessions in a transaction or waiting for a lock, the oldest transaction first."""
    names = Session.__struct_fields__
    found = [
        Session(**{**{name: row[name] for name in names}, "blocked_by": tuple(row["blocked_by"])})
        for row in rows
        if row["state"] and (row["transaction_s"] is not None or row["lock_wait_s"] is not None)
    ]
    return tuple(sorted(found, key=lambda session: -(session.transaction_s or 0.0)))
