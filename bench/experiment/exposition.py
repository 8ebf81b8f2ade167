"""Health as Prometheus metrics on 127.0.0.1, named as postgres_exporter and pgbouncer_exporter name theirs.

So dashboards and alerting rules made for those two can be used. What they do not have begins with ``poolbench_``.
Counters that postgres_exporter tells without the suffix ``_total`` are exposed untyped: the client library would
add the suffix to a counter's name, and no dashboard would find it.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, UnknownMetricFamily
from prometheus_client.registry import Collector

from bench.model.errors import SetupError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from prometheus_client.core import Metric

    from bench.experiment.monitor import Monitor, Observed
    from bench.model.health import PoolerHealth, ServerHealth

HOST = "127.0.0.1"

_POOL_GAUGES = {
    "client_active_connections": "cl_active",
    "client_waiting_connections": "cl_waiting",
    "server_active_connections": "sv_active",
    "server_idle_connections": "sv_idle",
    "server_used_connections": "sv_used",
    "server_testing_connections": "sv_tested",
    "server_login_connections": "sv_login",
    "client_maxwait_seconds": "maxwait_s",
}
_POOL_TOTALS = {
    "queries_pooled": ("total_query_count", 1.0),
    "queries_duration_seconds": ("total_query_time", 1e-6),
    "sql_transactions_pooled": ("total_xact_count", 1.0),
    "server_in_transaction_seconds": ("total_xact_time", 1e-6),
    "client_wait_seconds": ("total_wait_time", 1e-6),
    "received_bytes": ("total_received", 1.0),
    "sent_bytes": ("total_sent", 1.0),
}
_LISTS = (
    "databases",
    "users",
    "pools",
    "free_clients",
    "used_clients",
    "login_clients",
    "free_servers",
    "used_servers",
)


def families(observed: Observed) -> Iterator[Metric]:
    """Return one reading as metrics."""
    health = observed.health
    yield _gauge("pg_up", "Whether the server answered", float(health.server is not None))
    if health.server is not None:
        yield from _of_server(health.server)
    if health.pooler is not None or "pooler" in health.unreachable:
        yield _gauge("pgbouncer_up", "Whether the admin console answered", float(health.pooler is not None))
    if health.pooler is not None:
        yield from _of_pooler(health.pooler)
    alerts = GaugeMetricFamily(
        "poolbench_alert", "1 for each alert that stands now", labels=["alert", "severity", "subject"]
    )
    for alert in observed.alerts:
        alerts.add_metric([alert.name, alert.severity, alert.subject], 1.0)
    yield alerts


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=value)


def _of_server(server: ServerHealth) -> Iterator[Metric]:
    for column, value in server.counters.items():
        name, text = f"pg_stat_database_{column}", f"Column {column} of pg_stat_database"
        kind = GaugeMetricFamily if column == "numbackends" else UnknownMetricFamily
        family = kind(name, text, labels=["datname"])
        family.add_metric([server.database], value)
        yield family
    yield _gauge("pg_settings_max_connections", "Server parameter max_connections", float(server.max_connections))
    states = GaugeMetricFamily("pg_stat_activity_count", "Client sessions of the server by state", labels=["state"])
    for state, number in server.connections.items():
        states.add_metric([state], float(number))
    yield states
    longest: dict[tuple[str, str], float] = {}
    for session in server.sessions:
        key = session.database, session.state
        longest[key] = max(longest.get(key, 0.0), session.transaction_s or 0.0)
    ages = GaugeMetricFamily(
        "pg_stat_activity_max_tx_duration", "Age of the longest transaction in seconds", labels=["datname", "state"]
    )
    for key, age in longest.items():
        ages.add_metric(list(key), age)
    yield ages
    yield _gauge("poolbench_locks_waiting", "Sessions waiting for a heavyweight lock", float(server.locks_waiting))
    yield _gauge("poolbench_xid_age", "Transactions since the oldest database was frozen", float(server.xid_age))
    if server.autovacuum is not None:
        yield _gauge("poolbench_autovacuum_workers", "Autovacuum workers running", float(server.autovacuum))
    months = GaugeMetricFamily(
        "poolbench_partitions_months_ahead", "Whole months after this one that have partitions", labels=["table"]
    )
    for table in server.partitions:
        months.add_metric([table.table], float(table.months_ahead))
    yield months


def _of_pooler(pooler: PoolerHealth) -> Iterator[Metric]:
    version = GaugeMetricFamily("pgbouncer_version_info", "The pooler's version", labels=["version"])
    version.add_metric([pooler.version], 1.0)
    yield version
    for name, field in _POOL_GAUGES.items():
        family = GaugeMetricFamily(f"pgbouncer_pools_{name}", f"{field} of SHOW POOLS", labels=["database", "user"])
        for pool in pooler.pools:
            family.add_metric([pool.database, pool.user], float(getattr(pool, field)))
        yield family
    sizes = GaugeMetricFamily("pgbouncer_databases_pool_size", "Server connections a pool may have", labels=["name"])
    paused = GaugeMetricFamily("pgbouncer_databases_paused", "1 if the database is paused", labels=["name"])
    for database, pool in {pool.database: pool for pool in pooler.pools}.items():
        sizes.add_metric([database], float(pool.pool_size))
        paused.add_metric([database], float(pool.paused))
    yield from (sizes, paused)
    for name, (column, factor) in _POOL_TOTALS.items():
        total = CounterMetricFamily(f"pgbouncer_stats_{name}", f"{column} of SHOW STATS", labels=["database"])
        for database, totals in pooler.totals.items():
            if column in totals:
                total.add_metric([database], totals[column] * factor)
        yield total
    for name in _LISTS:
        if name in pooler.lists:
            yield _gauge(f"pgbouncer_{name}", f"{name} of SHOW LISTS", float(pooler.lists[name]))
    if pooler.max_client_conn is not None:
        name = "pgbouncer_config_max_client_connections"
        yield _gauge(name, "Clients the pooler takes at most", float(pooler.max_client_conn))


class _Latest(Collector):
    def __init__(self, monitor: Monitor) -> None:
        self._monitor = monitor

    def collect(self) -> Iterable[Metric]:
        return families(self._monitor.latest) if self._monitor.latest else ()


@contextlib.contextmanager
def serve_metrics(monitor: Monitor, port: int) -> Iterator[int]:
    """Answer scrapes with the monitor's latest reading while the block runs; yields the port, for 0 a free one."""
    registry = CollectorRegistry()
    registry.register(_Latest(monitor))
    try:
        server, thread = start_http_server(port, addr=HOST, registry=registry)
    except OSError as error:
        raise SetupError(
            f"cannot listen on {HOST}:{port}: {error.strerror}",
            remedy="Choose another port; `--prometheus 0` takes a free one and says which.",
        ) from None
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
