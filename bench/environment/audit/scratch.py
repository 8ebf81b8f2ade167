"""Scratch databases on one server: made for an audit, and gone with it, roles included."""

from __future__ import annotations

import contextlib
import secrets
from typing import TYPE_CHECKING

import msgspec
import psycopg
from psycopg import errors, sql

from bench.environment.connection import connected
from bench.model.errors import SetupError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bench.model.endpoint import Endpoint

PREFIX = "poolbench_audit_"
_LEAVE = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
_ROLES = "SELECT rolname FROM pg_roles WHERE rolname !~ '^pg_'"


class Scratch:
    """Makes databases beside the one it is given, which it never changes."""

    def __init__(self, server: Endpoint) -> None:
        self._server = server
        self._made: list[str] = []
        self._roles: set[str] = set()

    def roles(self) -> set[str]:
        """Name the server's roles, its own aside."""
        with connected(self._server) as connection:
            return {str(name) for (name,) in connection.execute(_ROLES)}

    @contextlib.contextmanager
    def watching_roles(self) -> Iterator[None]:
        """Remember the roles that the block creates: they belong to the server and must go with us."""
        before = self.roles()
        try:
            yield
        finally:
            self._roles |= self.roles() - before

    def create(self, template: Endpoint | None = None) -> Endpoint:
        """Make an empty database, or a copy of one of ours, from which whoever is connected is thrown out."""
        name = PREFIX + secrets.token_hex(6)
        source = sql.Identifier(template.dbname) if template else sql.Identifier("template0")
        with connected(self._server) as connection:
            if template:  # an env.py may leave the connections of its pool open
                connection.execute(_LEAVE.encode(), [template.dbname])
            try:
                connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), source))
            except psycopg.Error as error:
                raise SetupError(
                    "cannot create a scratch database",
                    evidence=" ".join(str(error).split()),
                    remedy="Name a scratch server and a user with CREATEDB by `--dsn`, or use the embedded one.",
                ) from None
            # Nothing here has to survive a power cut.
            connection.execute(sql.SQL("ALTER DATABASE {} SET synchronous_commit = off").format(sql.Identifier(name)))
        self._made.append(name)
        return msgspec.structs.replace(self._server, dbname=name)

    def drop(self, database: Endpoint) -> None:
        """Drop a database of ours, whoever is connected to it."""
        self._made.remove(database.dbname)
        with connected(self._server) as connection:
            connection.execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database.dbname))
            )

    def drop_roles(self, names: Iterable[str]) -> None:
        """Drop roles that a downgrade of the migrations should have dropped; what something else needs is kept."""
        with connected(self._server) as connection:
            for name in names:
                with contextlib.suppress(errors.DependentObjectsStillExist):
                    connection.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(name)))

    def close(self) -> None:
        """Drop every database that is left, and the roles the migrations created unless something else needs them."""
        for name in list(self._made):
            self.drop(msgspec.structs.replace(self._server, dbname=name))
        self.drop_roles(sorted(self._roles))


@contextlib.contextmanager
def scratch(server: Endpoint) -> Iterator[Scratch]:
    """Make scratch databases for the length of a block; raises ``SetupError`` if the user is no superuser.

    The audit acts as owner, as application and as other tenants, and reads back what they may not.
    """
    with connected(server) as connection:
        row = connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()
    if row != (True,):
        raise SetupError(
            f"{server.user} is not a superuser of {server.host}:{server.port}",
            remedy="Audit as superuser of a scratch server, or use the embedded one (leave out `--dsn`).",
        )
    with contextlib.closing(Scratch(server)) as made:
        yield made
