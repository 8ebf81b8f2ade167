"""Somebody else's servers: measured, never migrated, seeded, reset or reconfigured."""

from __future__ import annotations

import contextlib
import re
import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import psycopg
from psycopg.conninfo import conninfo_to_dict

from bench.model.endpoint import Endpoint
from bench.model.errors import ScenarioError, SetupError
from bench.model.facts import Caveat
from bench.model.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.model.endpoint import Pairs

CONNECT_TIMEOUT_S = 10
TLS = (
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "sslcrl",
    "ssl_min_protocol_version",
    "ssl_max_protocol_version",
)
"""What of libpq's parameters decides how a connection is secured, and is understood by every driver."""
_OPTION = re.compile(r"([A-Za-z_][\w.-]*)=(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Attachment:
    """Connection strings as libpq reads them: URIs or key=value, with PG* variables, service and password files."""

    dsn: str
    pooler_dsn: str | None = None
    console_dsn: str | None = None
    limits: Limits = field(default_factory=Limits)
    """What the load may ask of a database without our marker."""


@dataclass(frozen=True, slots=True)
class Reached:
    """An attached target that answered."""

    admin: Endpoint
    direct: Endpoint
    pooled: Endpoint | None
    console: Endpoint | None
    caveats: tuple[Caveat, ...]
    versions: dict[str, str]


def read_options(text: str) -> Pairs:
    """Return the settings in libpq's ``options``, so that every driver obeys them; raises ``ScenarioError``."""
    settings = []
    try:
        words = iter(shlex.split(text))
    except ValueError as error:
        raise ScenarioError(
            f"the `options` of a connection string (or PGOPTIONS) cannot be read: {error}",
            remedy="Write settings alone, such as `-c search_path=app`.",
        ) from None
    for word in words:
        setting = next(words, "") if word == "-c" else word.removeprefix("-c").removeprefix("--")
        found = _OPTION.fullmatch(setting)
        if found is None or not word.startswith("-"):
            raise ScenarioError(
                f"the `options` of a connection string (or PGOPTIONS) hold `{word}`, which no driver passes on",
                remedy="Write settings alone, such as `-c search_path=app`.",
            )
        settings.append((found[1].replace("-", "_"), found[2]))
    return tuple(settings)


def unreadable(what: str, error: psycopg.ProgrammingError) -> ScenarioError:
    """Return the error for a connection string that libpq cannot read; what it quotes may be part of a password."""
    words = re.sub(r'"[^"]*("|$)', '"…"', " ".join(str(error).split()))
    return ScenarioError(
        f"{what} cannot be read: {words}",
        remedy="Write postgresql://USER@HOST:PORT/DBNAME or `host=… port=… dbname=… user=…`.",
    )


def _reach(dsn: str, what: str, *, simple: bool = False) -> tuple[Endpoint, str]:
    """Connect once, so that libpq resolves every default; returns the address and the server's version."""
    try:
        conninfo_to_dict(dsn)
    except psycopg.ProgrammingError as error:
        raise unreadable(f"the {what} connection string", error) from None
    try:
        with psycopg.connect(dsn, autocommit=True, connect_timeout=CONNECT_TIMEOUT_S) as connection:
            info = connection.info
            if not simple:
                connection.execute("SELECT 1")
            given = info.get_parameters()  # of the string, the variables and the service file, but for the password
            endpoint = Endpoint(
                host=info.host,
                port=info.port,
                dbname=info.dbname,
                user=info.user,
                password=info.password or "",
                tls=tuple((name, given[name]) for name in TLS if name in given),
                session=read_options(given.get("options", "")),
            )
            return endpoint, info.parameter_status("server_version") or "unknown"
    except psycopg.Error as error:
        raise SetupError(
            f"cannot reach the {what}",
            evidence=" ".join(str(error).split()),
            remedy="Check host, port, database, user and password (PGPASSFILE, PGPASSWORD), and that it runs.",
        ) from None


def reach_owner(dsn: str) -> Endpoint:
    """Reach the server as the tables' owner, or as a role that may become it; only plans are read that way."""
    return _reach(dsn, "server as the tables' owner")[0]


@contextlib.contextmanager
def attach(attachment: Attachment) -> Iterator[Reached]:
    """Reach the server and, where named, its pooler and the pooler's admin console."""
    direct, version = _reach(attachment.dsn, "server")
    versions = {"postgresql": version}
    pooled = console = None
    caveats = [
        Caveat(
            code="attached",
            text="an attached server: its processes are not ours, so their CPU and memory are unknown",
            cure="Run on the server's own machine with the embedded environment to have them.",
        )
    ]
    if attachment.pooler_dsn:
        pooled, _ = _reach(attachment.pooler_dsn, "pooler")
        if attachment.console_dsn:
            console, versions["pgbouncer"] = _reach(attachment.console_dsn, "pooler's admin console", simple=True)
        else:
            caveats.append(
                Caveat(
                    code="pooler-unobserved",
                    text="the pooler's admin console was not named, so its waits and gauges are unknown",
                    cure="Name it with `--pooler-admin-dsn` (a user in `stats_users` is enough).",
                )
            )
    yield Reached(direct, direct, pooled, console, tuple(caveats), versions)


def reach_server(dsn: str) -> Endpoint:
    """Reach a server that is only looked at."""
    return _reach(dsn, "server")[0]


def reach_console(dsn: str) -> Endpoint:
    """Reach a pooler's admin console."""
    return _reach(dsn, "pooler's admin console", simple=True)[0]
