"""What `bench monitor` shows: tables of pools, sessions and partitions, and the alerts above them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table

from bench.cli.screen import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import RenderableType

    from bench.analysis.alerts import Alert
    from bench.experiment.monitor import Observed
    from bench.model.health import PoolerHealth, ServerHealth, Session

_COLOURS = {"critical": "bold white on red", "warning": "bold black on yellow"}
_MOST_SESSIONS = 8


def show(observed: Observed, *, live: bool) -> RenderableType:
    """Return one reading as a page of a terminal; a ``live`` one is followed by others until Ctrl-C."""
    return Group(*_parts(observed), shown(f"{observed.at_utc}{', Ctrl-C ends' if live else ''}", style="dim"))


def line(alert: Alert, word: str) -> str:
    """Return one alert as a line of plain text; ``word`` is its severity, or that it cleared."""
    return f"{word:8} {alert.name} {alert.subject}: {alert.text}"


def _parts(observed: Observed) -> Iterator[RenderableType]:
    health = observed.health
    yield _alerts(observed)
    yield shown()
    if health.pooler is not None:
        yield from (_pools(health.pooler), shown())
    if health.server is not None:
        yield from (_server(observed, health.server), shown())
        if health.server.sessions:
            yield from (_sessions(health.server.sessions), shown())
        if health.server.partitions:
            yield from (_partitions(health.server), shown())
    for caveat in health.unseen:
        yield shown(f"not seen: {caveat.text}. {caveat.cure}", style="dim")


def _alerts(observed: Observed) -> RenderableType:
    if not observed.alerts:
        return shown("no alerts", style="bold green")
    table = Table.grid(padding=(0, 1))
    for alert in observed.alerts:
        table.add_row(
            shown(f" {alert.severity.upper()} ", style=_COLOURS[alert.severity]),
            shown(f"{alert.name} {alert.subject}: {alert.text}"),
        )
        table.add_row("", shown(alert.reason, style="dim"))
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(title=shown(title, "bold"), title_justify="left", box=None, padding=(0, 2, 0, 0))
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number == 0 else "right")
    return table


def _pools(pooler: PoolerHealth) -> Table:
    table = _table(
        f"pgBouncer {pooler.version.removeprefix('PgBouncer ')}",
        "pool", "mode", "in use", "of", "used", "idle", "clients", "waiting", "maxwait",
    )  # fmt: skip
    for pool in pooler.pools:
        table.add_row(
            shown(f"{pool.database}/{pool.user}{' PAUSED' if pool.paused else ''}"),
            pool.mode,
            str(pool.sv_active),
            str(pool.pool_size),
            f"{pool.utilisation:.0%}",
            str(pool.sv_idle),
            str(pool.cl_active),
            str(pool.cl_waiting),
            f"{pool.maxwait_s:.1f} s",
        )
    return table


def _server(observed: Observed, server: ServerHealth) -> Table:
    title = f"PostgreSQL {server.version}, database {server.database}"
    table = Table(title=shown(title, "bold"), title_justify="left", box=None, show_header=False)
    interval = observed.health.interval
    states = ", ".join(f"{number} {state}" for state, number in server.connections.items()) or "none"
    table.add_row("connections", shown(f"{server.connected} of {server.max_connections} ({states})"))
    if interval is not None:
        ratio = "nothing read" if interval.hit_ratio is None else f"{interval.hit_ratio:.1%}"
        table.add_row(f"cache hit ratio, last {interval.seconds:.0f} s", ratio)
        table.add_row("transactions per second", f"{interval.transactions / interval.seconds:,.1f}")
        table.add_row("deadlocks", str(interval.deadlocks))
    table.add_row("waiting for a lock", str(server.locks_waiting))
    table.add_row("autovacuum workers", "hidden" if server.autovacuum is None else str(server.autovacuum))
    return table


def _sessions(sessions: Sequence[Session]) -> Table:
    table = _table("in a transaction, oldest first", "session", "state", "open", "waits for", "blocked by")
    for session in sessions[:_MOST_SESSIONS]:
        table.add_row(
            shown(f"{session.user}@{session.database} pid {session.pid} {session.application}".strip()),
            session.state,
            "" if session.transaction_s is None else f"{session.transaction_s:.1f} s",
            shown(session.waits_for),
            ", ".join(map(str, session.blocked_by)),
        )
    if len(sessions) > _MOST_SESSIONS:
        table.caption = f"and {len(sessions) - _MOST_SESSIONS} more"
    return table


def _partitions(server: ServerHealth) -> Table:
    table = _table("partitions by time", "table", "months ahead", "default partition")
    for one in server.partitions:
        table.add_row(shown(one.table), str(one.months_ahead), "yes" if one.has_default else "no")
    return table
