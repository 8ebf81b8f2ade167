"""Disposable copies of a database, made by CREATE DATABASE … TEMPLATE: the start and each change have their own."""

from __future__ import annotations

import contextlib
import secrets
from typing import TYPE_CHECKING

import msgspec
import psycopg
from psycopg import sql

from bench.environment.connection import connected
from bench.environment.tuning.journal import Applied
from bench.model.errors import SetupError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bench.environment.tuning.journal import Journal
    from bench.model.endpoint import Endpoint

PREFIX = "bench_tune_"
MAINTENANCE = "postgres"
PLACEHOLDER = "{database}"
"""Where a statement has to name the database it runs in."""


class Clones:
    """The clones of one tuning. ``load_user`` is whose connections may be cut to free the template."""

    def __init__(self, admin: Endpoint, load_user: str, journal: Journal) -> None:
        self._admin = admin
        self._load_user = load_user
        self._journal = journal
        self._tag = secrets.token_hex(3)
        self._names: dict[str, str] = {}

    def provide(self, identity: str, statements: Sequence[str], settings: Mapping[str, str]) -> str:
        """Return the name of the clone with these statements and settings applied; made at its first use."""
        if identity in self._names:
            return self._names[identity]
        name = f"{PREFIX}{self._tag}_{identity}"
        applied = self._journal.read()
        self._journal.write(msgspec.structs.replace(applied, databases=(*applied.databases, name)))
        with _explained(f"cannot clone database {self._admin.dbname}"):
            self._copy(name)
        with _explained(f"cannot apply {identity} in the clone"):
            self._change(name, statements, settings)
        self._names[identity] = name
        return name

    def name(self, identity: str) -> str | None:
        """Return the clone of a change, None where it has none."""
        return self._names.get(identity)

    def drop(self, identity: str) -> None:
        """Drop a clone; harmless where there is none."""
        name = self._names.pop(identity, None)
        if name is not None:
            drop_databases(self._admin, [name], self._journal)

    def _copy(self, name: str) -> None:
        with connected(_at(self._admin, MAINTENANCE)) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s AND usename = %s",
                [self._admin.dbname, self._load_user],
            )
            create = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
            connection.execute(create.format(sql.Identifier(name), sql.Identifier(self._admin.dbname)))
            rows = connection.execute(
                "SELECT r.rolname, unnest(s.setconfig) FROM pg_db_role_setting s JOIN pg_database d"
                " ON d.oid = s.setdatabase LEFT JOIN pg_roles r ON r.oid = s.setrole WHERE d.datname = %s",
                [self._admin.dbname],
            ).fetchall()
            for role, setting in rows:  # a template's own settings are not copied
                key, _, value = setting.partition("=")
                whose = sql.SQL("ROLE {} IN ").format(sql.Identifier(role)) if role else sql.SQL("")
                where = sql.Identifier(name)
                what = sql.SQL("ALTER {}DATABASE {} SET {} = {}")
                connection.execute(what.format(whose, where, sql.Identifier(*key.split(".")), _value(value)))

    def _change(self, name: str, statements: Sequence[str], settings: Mapping[str, str]) -> None:
        quoted = sql.Identifier(name)
        with connected(_at(self._admin, name)) as connection:
            for statement in statements:
                connection.execute(statement.replace(PLACEHOLDER, quoted.as_string(connection)).encode())
            for key, value in settings.items():
                what = sql.SQL("ALTER DATABASE {} SET {} = {}")
                connection.execute(what.format(quoted, sql.Identifier(*key.split(".")), _value(value)))


def _value(text: str) -> sql.Composable:
    """Write a setting's value: a list such as a search path is already quoted as the server wrote it."""
    return (
        sql.SQL(", ").join(sql.Literal(part.strip().strip('"')) for part in text.split(","))
        if text
        else sql.Literal("")
    )


def drop_databases(admin: Endpoint, names: Sequence[str], journal: Journal) -> None:
    """Drop clones, whoever is connected, and strike them off the journal."""
    with _explained("cannot drop the clones of a tuning"), connected(_at(admin, MAINTENANCE)) as connection:
        for name in names:
            if not name.startswith(PREFIX):
                raise SetupError(f"the journal names {name}, which is no clone", remedy="Remove the journal by hand.")
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
    applied = journal.read()
    left = tuple(name for name in applied.databases if name not in names)
    journal.write(Applied(left, applied.auto_conf))


def _at(endpoint: Endpoint, database: str) -> Endpoint:
    return msgspec.structs.replace(endpoint, dbname=database)


@contextlib.contextmanager
def _explained(problem: str) -> Iterator[None]:
    try:
        yield
    except psycopg.Error as error:
        raise SetupError(
            problem,
            evidence=" ".join(str(error).split()),
            remedy="Close other connections to the database, and check the disk and the statement.",
        ) from None
