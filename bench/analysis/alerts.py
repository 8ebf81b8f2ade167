"""Health and thresholds in, alerts out; and what changed between two readings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from bench.analysis.wording import quantity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bench.model.health import Health, PoolHealth, ServerHealth, Session
    from bench.model.thresholds import Threshold, Thresholds

FEWEST_BLOCKS = 1000
"""Below it a hit ratio says more about a few first reads than about the cache."""

CRITICAL = "critical"
PAUSED = "pool_paused"
UNREACHABLE = "unreachable"


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is not well. ``name`` and ``subject`` identify it from reading to reading."""

    name: str
    severity: str
    subject: str
    text: str
    reason: str
    value: float | None = None
    limit: float | None = None
    unit: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """What makes it the same alert at the next reading."""
        return self.name, self.subject


Found = tuple[str, str, float, str]
"""Name of the threshold, subject, value, and what the value is of."""


def judge_health(health: Health, thresholds: Thresholds) -> list[Alert]:
    """Return every alert, critical ones first."""
    alerts = [
        Alert(
            name=UNREACHABLE,
            severity=CRITICAL,
            subject=name,
            text=f"the {name} does not answer: {words}",
            reason="What cannot be read cannot be judged, and clients may not reach it either.",
        )
        for name, words in health.unreachable.items()
    ]
    for pool in health.pooler.pools if health.pooler else ():
        if pool.paused:
            alerts.append(_paused(pool))
        alerts += _judge(_of_pool(pool), thresholds)
    if health.server is not None:
        alerts += _judge(_of_server(health.server), thresholds)
        alerts += _judge(_of_interval(health), thresholds)
    return sorted(alerts, key=lambda alert: (alert.severity != CRITICAL, alert.name, alert.subject))


def _judge(found: Iterable[Found], thresholds: Thresholds) -> Iterator[Alert]:
    for name, subject, value, what in found:
        threshold = thresholds[name]
        severity = threshold.severity(value)
        if severity is not None:
            yield _alert(name, subject, value, what, severity, threshold)


def _alert(name: str, subject: str, value: float, what: str, severity: str, threshold: Threshold) -> Alert:
    limit = threshold.limit(severity)
    return Alert(
        name=name,
        severity=severity,
        subject=subject,
        text=f"{what} {quantity(value, threshold.unit)} (limit {quantity(limit or 0.0, threshold.unit)})",
        reason=threshold.reason,
        value=value,
        limit=limit,
        unit=threshold.unit,
    )


def _paused(pool: PoolHealth) -> Alert:
    return Alert(
        name=PAUSED,
        severity=CRITICAL,
        subject=f"{pool.database}/{pool.user}",
        text=f"the pool is paused; clients waiting: {pool.cl_waiting}",
        reason="PAUSE holds every client back until RESUME; a forgotten one is an outage.",
    )


def _of_pool(pool: PoolHealth) -> Iterator[Found]:
    subject = f"{pool.database}/{pool.user}"
    yield "pool_utilisation", subject, pool.utilisation, f"{pool.sv_active} of {pool.pool_size} connections in use:"
    yield "waiting_clients", subject, float(pool.cl_waiting), "clients waiting for a server connection:"
    yield "maxwait", subject, pool.maxwait_s, "the oldest client has waited"


def _of_server(server: ServerHealth) -> Iterator[Found]:
    share = server.connected / server.max_connections if server.max_connections else 0.0
    yield "connections", "server", share, f"{server.connected} of {server.max_connections} connections:"
    yield "locks_waiting", "server", float(server.locks_waiting), "sessions waiting for a lock:"
    yield "xid_age", "server", float(server.xid_age), "transactions since the oldest freeze:"
    for session in server.sessions:
        yield from _of_session(session)
    for table in server.partitions:
        yield "months_ahead", table.table, float(table.months_ahead), "months of partitions ahead:"


def _of_session(session: Session) -> Iterator[Found]:
    who = f"{session.user}@{session.database} pid {session.pid}"
    if session.transaction_s is not None:
        yield "long_transaction", who, session.transaction_s, "transaction open for"
    if session.idles:
        yield "idle_in_transaction", who, session.state_s, "idle in transaction for"
    if session.lock_wait_s is not None:
        blockers = ", ".join(map(str, session.blocked_by)) or "nobody any more"
        yield "lock_wait", who, session.lock_wait_s, f"blocked by {blockers}, waiting for"


def _of_interval(health: Health) -> Iterator[Found]:
    interval, server = health.interval, health.server
    if interval is None or server is None:
        return
    span = f"in the last {interval.seconds:.0f} s"
    if interval.hit_ratio is not None and interval.blocks_hit + interval.blocks_read >= FEWEST_BLOCKS:
        yield "hit_ratio", server.database, interval.hit_ratio, f"blocks found in shared buffers {span}:"
    yield "deadlocks", server.database, float(interval.deadlocks), f"deadlocks {span}:"


def changes(before: Iterable[Alert], after: Iterable[Alert]) -> tuple[list[Alert], list[Alert]]:
    """Return what appeared or changed its severity, and what cleared."""
    known = {alert.key: alert for alert in before}
    now = {alert.key: alert for alert in after}
    appeared = [alert for key, alert in now.items() if key not in known or known[key].severity != alert.severity]
    return appeared, [alert for key, alert in known.items() if key not in now]
