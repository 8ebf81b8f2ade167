"""Reads a pgBouncer's health from its admin console; a user in ``stats_users`` is enough."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg.rows import dict_row

from bench.environment.connection import open_connection
from bench.model.health import PoolerHealth, PoolHealth

if TYPE_CHECKING:
    import psycopg

    from bench.model.endpoint import Endpoint

CONSOLE = "pgbouncer"
"""The console's own pool, which serves nobody."""
_GAUGES = ("cl_active", "cl_waiting", "sv_active", "sv_idle", "sv_used", "sv_tested", "sv_login")


class PoolerProbe:
    """One connection to the console, which speaks the simple protocol only."""

    def __init__(self, console: Endpoint) -> None:
        self._connection: psycopg.Connection[Any] = open_connection(console, row_factory=dict_row)
        self._version = str(next(iter(self._show("VERSION")[0].values())))

    def close(self) -> None:
        """Disconnect."""
        self._connection.close()

    def _show(self, what: str) -> list[dict[str, Any]]:
        return self._connection.execute(f"SHOW {what}".encode()).fetchall()

    def read(self) -> PoolerHealth:
        """Read once; raises ``psycopg.Error`` where the console does not answer."""
        databases = {row["name"]: row for row in self._show("DATABASES")}
        config = {row["key"]: row["value"] for row in self._show("CONFIG")}
        default = int(config.get("default_pool_size", 0))
        pools = []
        for row in self._show("POOLS"):
            if row["database"] == CONSOLE:
                continue
            limits = databases.get(row["database"], {})
            pools.append(
                PoolHealth(
                    database=row["database"],
                    user=row["user"],
                    mode=row["pool_mode"],
                    pool_size=int(limits.get("pool_size") or default),
                    paused=bool(int(limits.get("paused", 0))),
                    maxwait_s=int(row["maxwait"]) + int(row["maxwait_us"]) / 1e6,
                    **{name: int(row[name]) for name in _GAUGES},
                )
            )
        return PoolerHealth(
            version=self._version,
            pools=tuple(pools),
            totals={
                row["database"]: {name: int(value) for name, value in row.items() if name.startswith("total_")}
                for row in self._show("STATS")
                if row["database"] != CONSOLE
            },
            lists={row["list"]: int(row["items"]) for row in self._show("LISTS")},
            max_client_conn=int(config["max_client_conn"]) if "max_client_conn" in config else None,
        )
