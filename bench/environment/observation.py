"""Reads server and pooler counters at both ends of a window; the collector sees what happens in between."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from typing import TYPE_CHECKING, Any, Self

import psutil
import psycopg
from psycopg.rows import dict_row

from bench.environment.connection import open_connection
from bench.environment.cpu import read_family, used_between, used_by_each
from bench.environment.probes import probe_sql
from bench.model.errors import SetupError
from bench.model.facts import PoolerFacts, ServerFacts, StatementFacts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.environment.pgpool_observation import PgpoolObserver
    from bench.model.endpoint import Endpoint

POOLER_SETTINGS = (
    "max_client_conn",
    "min_pool_size",
    "reserve_pool_size",
    "max_db_connections",
    "query_wait_timeout",
    "server_idle_timeout",
    "server_lifetime",
)
"""What is kept of SHOW CONFIG: limits and timeouts, no places and no names."""


def _grown(before: dict[int, float], after: dict[int, float]) -> float | None:
    """CPU used by the processes seen at both ends; None where there was none to look at."""
    return sum(after[pid] - before[pid] for pid in before.keys() & after.keys()) if after else None


class ServerObserver:
    """Differences of pg_stat_statements and pg_stat_database for the load's role."""

    def __init__(self, admin: Endpoint, role: str, pid: int | None) -> None:
        self._connection: psycopg.Connection[Any] = open_connection(admin, row_factory=dict_row)
        self._version = self._connection.info.server_version // 10_000
        self._role = role
        self._process = psutil.Process(pid) if pid else None
        try:
            self._before = self._read()
        except BaseException:
            self.close()
            raise
        self._cpu = self._cpu_now = read_family(self._process)

    def close(self) -> None:
        """Disconnect."""
        self._connection.close()

    def _all(self, purpose: str, **arguments: object) -> list[dict[str, Any]]:
        try:
            return self._connection.execute(probe_sql(purpose, self._version), arguments or None).fetchall()
        except psycopg.OperationalError as error:
            raise SetupError(
                "the server ended the connection that reads its counters",
                evidence=" ".join(str(error).split()),
                remedy="See whether the server was ended or restarted; its log tells.",
            ) from None
        except psycopg.Error as error:
            raise SetupError(
                f"the server's {purpose} counters cannot be read",
                evidence=" ".join(str(error).split()),
                remedy="Preload pg_stat_statements, run `CREATE EXTENSION pg_stat_statements` there, grant pg_monitor.",
            ) from None

    def _read(self) -> tuple[int, dict[int, dict[str, Any]], dict[str, Any], dict[str, str]]:
        statements = {row["queryid"]: row for row in self._all("statements", role=self._role)}
        settings = {row["name"]: row["value"] for row in self._all("settings")}
        database = self._all("database")[0]
        return time.monotonic_ns(), statements, database, settings

    def begin(self) -> None:
        """Take the reading that the differences start from."""
        self._before = self._read()
        self._cpu = self._cpu_now = read_family(self._process)

    def mark_end(self) -> None:
        """Read the CPU at the window's end: counters answer later, the more so the busier the server is."""
        self._cpu_now = read_family(self._process)

    def end(self, start_ns: int) -> ServerFacts:
        """Take the second reading of the counters; instants are returned relative to ``start_ns``."""
        since_ns, statements, database, settings = self._before
        until_ns, statements_now, database_now, settings_now = self._read()
        names = (
            "calls",
            "total_exec_s",
            "rows",
            "shared_blks_hit",
            "shared_blks_read",
            "temp_blks_written",
            "wal_bytes",
        )
        grown = []
        for queryid, row in statements_now.items():
            earlier = statements.get(queryid, dict.fromkeys(names, 0))
            difference = {name: row[name] - earlier[name] for name in names}
            if difference["calls"] > 0:
                difference["total_exec_s"] = float(difference["total_exec_s"])
                grown.append(StatementFacts(queryid=queryid, query=row["query"], **difference))
        changed = {
            name: (settings.get(name, "default"), settings_now.get(name, "default"))
            for name in sorted(settings.keys() | settings_now.keys())
            if settings.get(name) != settings_now.get(name)
        }
        return ServerFacts(
            statements=tuple(sorted(grown, key=lambda fact: -fact.total_exec_s)),
            database={name: float(database_now[name] - database[name]) for name in database_now},
            cpu_s=used_between(self._cpu, self._cpu_now),
            cpu_over_ns=self._cpu_now.at_ns - self._cpu.at_ns,
            backends_rss_bytes=self._backends_rss_bytes(),
            settings_changed=changed,
            since_ns=since_ns - start_ns,
            until_ns=until_ns - start_ns,
        )

    def _backends_rss_bytes(self) -> int | None:
        if self._process is None:
            return None
        total = 0
        with contextlib.suppress(psutil.Error):
            for child in self._process.children():
                with contextlib.suppress(psutil.Error):
                    total += child.memory_info().rss
        return total


class PoolerObserver:
    """Differences of SHOW STATS for the load's database, by column name.

    A pooler of several processes is read at each of their consoles, and added up.
    """

    def __init__(self, poolers: Sequence[tuple[Endpoint, int | None]], load: Endpoint) -> None:
        self._connections: list[psycopg.Connection[Any]] = []
        for console, _ in poolers:
            self._connections.append(open_connection(console, row_factory=dict_row))
        self._load = load
        self._processes = [psutil.Process(pid) for _, pid in poolers if pid]
        self._servers: set[int] = set()
        self._before = self._read()

    def close(self) -> None:
        """Disconnect."""
        for connection in self._connections:
            connection.close()

    def _show(self, what: str) -> list[dict[str, Any]]:
        try:
            return [row for one in self._connections for row in one.execute(f"SHOW {what}".encode()).fetchall()]
        except psycopg.Error as error:
            raise SetupError(
                "the pooler's admin console went away",
                evidence=" ".join(str(error).split()),
                remedy="See whether the pooler was ended or restarted; its log tells.",
            ) from None

    def _read(self) -> tuple[int, dict[str, int], dict[int, float]]:
        rows = [row for row in self._show("STATS") if row["database"] == self._load.dbname]
        totals: Counter[str] = Counter()
        for row in rows:
            totals.update({name: int(value) for name, value in row.items() if name.startswith("total_")})
        return time.monotonic_ns(), totals, used_by_each(self._processes)

    def _server_pids(self) -> set[int]:
        """Process ids of the load's server connections that are logged in."""
        rows = (row for row in self._show("SERVERS") if row["database"] == self._load.dbname)
        return {int(row["remote_pid"]) for row in rows if row["user"] == self._load.user and int(row["remote_pid"])}

    def begin(self) -> None:
        """Take the reading that the differences start from."""
        self._servers = self._server_pids()
        self._before = self._read()

    def end(self, start_ns: int, *, mode: str, pool_size: int, max_prepared_statements: int) -> PoolerFacts:
        """Take the second reading; instants are returned relative to ``start_ns``. Gauges are the collector's."""
        since_ns, before, cpu = self._before
        until_ns, after, cpu_now = self._read()
        version = self._show("VERSION")[0]
        used = [cpu_now[pid] - cpu[pid] for pid in cpu.keys() & cpu_now.keys()]
        servers = self._server_pids()
        config = {row["key"]: row["value"] for row in self._show("CONFIG")}
        return PoolerFacts(
            version=str(next(iter(version.values()))),
            mode=mode,
            pool_size=pool_size,
            max_prepared_statements=max_prepared_statements,
            stats={name: after[name] - before.get(name, 0) for name in after},
            gauges=(),
            cpu_s=_grown(cpu, cpu_now),
            rss_bytes=self._rss_bytes(),
            busiest_cpu_s=max(used, default=None),
            processes=len(self._connections),
            since_ns=since_ns - start_ns,
            until_ns=until_ns - start_ns,
            settings={name: config[name] for name in POOLER_SETTINGS if name in config},
            servers_replaced=min(len(servers - self._servers), len(self._servers - servers)),
        )

    def _rss_bytes(self) -> int | None:
        found = []
        for process in self._processes:
            with contextlib.suppress(psutil.Error):
                found.append(process.memory_info().rss)
        return sum(found) if found else None


class Observation:
    """Server and pooler together, as a context around one trial."""

    def __init__(self, server: ServerObserver, pooler: PoolerObserver | PgpoolObserver | None) -> None:
        self.server = server
        self.pooler = pooler

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.server.close()
        if self.pooler:
            self.pooler.close()

    def begin(self) -> None:
        """Read both, the pooler last, because its counters move fastest."""
        self.server.begin()
        if self.pooler:
            self.pooler.begin()

    def mark_end(self) -> None:
        """Note the window's end, while the load still runs."""
        self.server.mark_end()
