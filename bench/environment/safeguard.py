"""What keeps somebody else's database from harm while it is measured.

A database without our marker gets sessions with a statement timeout, read-only ones where the scenario only reads, and
bounds on connections and rate. One that looks like production is not touched before the user says that it may be.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
import psycopg

from bench.design.expectation import offered
from bench.environment.connection import APPLICATION_NAME, connected
from bench.environment.marker import is_marked, require_ours
from bench.environment.probes import probe_sql
from bench.model.errors import ScenarioError, SetupError
from bench.model.facts import Caveat

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bench.model.endpoint import Endpoint, Pairs
    from bench.model.limits import Limits
    from bench.model.scenario import Scenario

FOREIGN_CONNECTIONS = 10
"""More client connections of others than these say that somebody works there."""
LARGE_BYTES = 50_000_000_000
"""A database larger than this was not made for a test."""
READ_ONLY = "default_transaction_read_only"
STATEMENT_TIMEOUT = "statement_timeout"


class Signs(msgspec.Struct, frozen=True):
    """What a server shows of its use."""

    standby: bool
    standbys: int
    """Servers that replicate from this one."""
    foreign: int
    """Client connections that are not ours."""
    bytes: int
    free: int
    """Connections an ordinary role could still open."""

    def of_production(self) -> tuple[str, ...]:
        """Return what makes it look like production; empty where nothing does."""
        found = []
        if self.standby:
            found.append("it is a standby, so it serves or saves another server")
        if self.standbys:
            found.append(f"{self.standbys} servers replicate from it")
        if self.foreign > FOREIGN_CONNECTIONS:
            found.append(f"{self.foreign} connections of others are open")
        if self.bytes > LARGE_BYTES:
            found.append(f"the database holds {self.bytes / 1e9:,.0f} GB")
        return tuple(found)


@dataclass(frozen=True, slots=True)
class Guard:
    """Bounds that hold for one attached database."""

    dbname: str
    connections: int
    rate: float

    def excess(self, scenario: Scenario) -> str | None:
        """Say by what a scenario goes beyond the bounds, None if it stays within them."""
        if scenario.pool.size > self.connections:
            return f"`pool.size` {scenario.pool.size} is above the limit of {self.connections} connections"
        rate = offered(scenario.load)
        if rate is not None and rate > self.rate:
            return f"the load offers {rate:,.0f}/s, above the limit of {self.rate:,.0f}/s"
        return None

    def check(self, scenarios: Iterable[Scenario]) -> None:
        """Raise ``ScenarioError`` for the first scenario beyond the bounds."""
        for scenario in scenarios:
            if (excess := self.excess(scenario)) is not None:
                raise ScenarioError(
                    f"too much for {self.dbname}, which does not carry our marker: {excess}",
                    evidence="limits protect a database that is somebody else's",
                    remedy="Ask for less, or allow more: `--limit connections=N`, `--limit rate=N/s`.",
                )


def read_signs(admin: Endpoint) -> Signs:
    """Look at a server without changing it; raises ``SetupError``."""
    with connected(admin) as connection:
        query = probe_sql("signs", connection.info.server_version // 10_000)
        row = connection.execute(query.encode(), [APPLICATION_NAME]).fetchone()
    if row is None:
        raise RuntimeError("a query without FROM has one row")
    return Signs(*row)


def refuse_production(admin: Endpoint, *, i_know: bool) -> Signs:
    """Raise ``SetupError`` for a database that looks like production, unless the user knows."""
    signs = read_signs(admin)
    found = signs.of_production()
    if found and not i_know:
        raise SetupError(
            f"{admin.dbname} at {admin.host}:{admin.port} looks like production",
            evidence="; ".join(found),
            remedy="Measure a copy, or say that you know with `--i-know`.",
        )
    return signs


def require_changeable(admin: Endpoint, action: str, *, allow_destructive: str | None, i_know: bool) -> None:
    """Refuse to change what is not ours or, though the user names it, looks like production; ``SetupError``."""
    require_ours(admin, action, allow_destructive=allow_destructive)
    if not is_marked(admin):
        refuse_production(admin, i_know=i_know)


def stand_guard(admin: Endpoint, limits: Limits) -> Guard | None:
    """Return the bounds for an attached database, None for one with our marker; raises ``SetupError``."""
    if is_marked(admin):
        return None
    signs = refuse_production(admin, i_know=limits.i_know)
    return Guard(admin.dbname, limits.connections or max(1, signs.free // 2), limits.rate)


def session_settings(limits: Limits, scenarios: Iterable[Scenario]) -> Pairs:
    """Return what each session of the load starts with."""
    timeout = (STATEMENT_TIMEOUT, f"{max(1, limits.statement_timeout // 1_000_000)}ms")
    reads = limits.read_only and all(operation.only_reads for one in scenarios for operation in one.operation)
    return (timeout, *([(READ_ONLY, "on")] if reads else []))


def guarded(endpoint: Endpoint, settings: Pairs) -> Endpoint:
    """Return the address with sessions that start with these settings too."""
    return msgspec.structs.replace(endpoint, session=(*endpoint.session, *settings))


def guarded_pooler(endpoint: Endpoint, settings: Pairs) -> tuple[Endpoint, Caveat | None]:
    """Return the pooler's address with these settings if it passes all of them on, else as it was with the doubt.

    They are never set on a session from outside: behind a pooler they would stay on a server connection and reach
    other people's transactions.
    """
    wanted = guarded(endpoint, settings)
    with contextlib.suppress(SetupError, psycopg.Error), connected(wanted) as connection:
        rows = [connection.execute("SELECT current_setting(%s)", [name]).fetchone() for name, _ in settings]
        if all(row is not None and _same(row[0], value) for row, (_, value) in zip(rows, settings, strict=True)):
            return wanted, None
    names = " and ".join(name for name, _ in settings)
    return endpoint, Caveat(
        code="unguarded-pooler",
        text=f"the pooler does not pass on {names}, so sessions behind it go without; reads were first tried in a "
        "read-only transaction at the server",
        cure="Add them to the pooler's `track_extra_parameters`, or set them for the load's role.",
    )


def guard_worker(direct: Endpoint, pooled: Endpoint | None, limits: Limits) -> tuple[Endpoint, Endpoint | None]:
    """Return the addresses of a worker that does not know its scenario yet: guarded as if that only read."""
    if stand_guard(direct, limits) is None:
        return direct, pooled
    settings = session_settings(limits, ())
    return guarded(direct, settings), None if pooled is None else guarded_pooler(pooled, settings)[0]


def _same(found: object, wanted: str) -> bool:
    """Compare a setting as the server tells it: 30000ms comes back as 30s."""
    milliseconds = {"ms": 1, "s": 1000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}
    text = str(found)
    for unit, size in milliseconds.items():
        number = text.removesuffix(unit)
        if number.isdigit() and f"{int(number) * size}ms" == wanted:
            return True
    return text == wanted
