"""Reads pgBouncer's admin console for the collector: the load's pool, its totals, and the pooler's lists."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg.rows import dict_row

from bench.environment.connection import open_connection
from bench.model.facts import PoolGauges

if TYPE_CHECKING:
    from collections.abc import Sequence

    import psycopg

    from bench.model.endpoint import Endpoint

_GAUGES = ("cl_active", "cl_waiting", "sv_active", "sv_idle", "sv_used", "sv_login")
_TOTALS = ("total_xact_count", "total_query_count", "total_server_assignment_count", "total_wait_time")
"""Enough for rates and waits over time; all columns are told once, as differences over the window."""
_LISTS = ("used_clients", "free_clients", "login_clients", "used_servers", "free_servers")
MICROSECONDS = 1_000_000


class PoolerReader:
    """One connection to the console of each process of the pooler; what they tell is added up."""

    def __init__(self, consoles: Sequence[Endpoint], load: Endpoint) -> None:
        self._connections: list[psycopg.Connection[Any]] = []
        for console in consoles:
            self._connections.append(open_connection(console, row_factory=dict_row))
        self._load = load

    def close(self) -> None:
        """Disconnect."""
        for connection in self._connections:
            connection.close()

    def _show(self, what: str) -> list[dict[str, Any]]:
        return [row for one in self._connections for row in one.execute(f"SHOW {what}".encode()).fetchall()]

    def gauges(self, t_ns: int) -> PoolGauges | None:
        """Read the load's pool; None while it has none. ``maxwait`` is told in seconds and the rest of them in µs."""
        own = (self._load.dbname, self._load.user)
        rows = [row for row in self._show("POOLS") if (row["database"], row["user"]) == own]
        if not rows:
            return None
        counts = {name: sum(int(row[name]) for row in rows) for name in _GAUGES}
        maxwait_us = max(int(row["maxwait"]) * MICROSECONDS + int(row["maxwait_us"]) for row in rows)
        return PoolGauges(t_ns=t_ns, maxwait_us=maxwait_us, **counts)

    def totals(self) -> dict[str, int]:
        """Read the cumulative counters of the load's database."""
        rows = [row for row in self._show("STATS") if row["database"] == self._load.dbname]
        return {name: sum(int(row[name]) for row in rows) for name in _TOTALS if rows and name in rows[0]}

    def lists(self) -> dict[str, int]:
        """Read the numbers of clients and servers of the whole pooler."""
        found = dict.fromkeys(_LISTS, 0)
        for row in self._show("LISTS"):
            if row["list"] in found:
                found[row["list"]] += int(row["items"])
        return found
