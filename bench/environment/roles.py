"""The roles and the database of an embedded server. Passwords are hashed here: the server never sees their text."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec
import psycopg
from psycopg import sql

from bench.environment.connection import connected
from bench.model.errors import SetupError

if TYPE_CHECKING:
    from bench.model.endpoint import Endpoint

ADMIN = "bench_admin"
APP = "bench_app_login"
GROUPS = ("bench_owner", "bench_app")
DATABASE = "insurance"
MARKER = "poolbench"
"""A database carries this in its comment when it is ours to migrate, seed and change."""


def prepare_database(admin: Endpoint, app_password: str) -> None:
    """Create the group roles, the application's login and the marked database, unless they are there.

    Everything may be repeated, so that a crash between two steps is mended by the next start.
    """
    try:
        with connected(admin) as connection:
            _create_roles(connection, app_password)
            _create_database(connection)
        with connected(msgspec.structs.replace(admin, dbname=DATABASE)) as connection:
            connection.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
    except psycopg.Error as error:
        raise SetupError(
            f"cannot prepare the database {DATABASE}",
            evidence=" ".join(str(error).split()),
            remedy="Read the server's log in the state folder; a removed state folder starts afresh.",
        ) from None


def _create_roles(connection: psycopg.Connection[Any], app_password: str) -> None:
    # Both the statistics and, on an error, the log keep the text of a statement: neither shall see a password.
    connection.execute("SET pg_stat_statements.track = 'none'")
    verifier = connection.pgconn.encrypt_password(app_password.encode(), APP.encode(), b"scram-sha-256").decode()
    roles = {row[0] for row in connection.execute("SELECT rolname FROM pg_roles")}
    for group in GROUPS:
        if group not in roles:
            connection.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(group)))
    login = sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}" if APP in roles else "CREATE ROLE {} LOGIN PASSWORD {}")
    connection.execute(login.format(sql.Identifier(APP), sql.Literal(verifier)))
    connection.execute(sql.SQL("GRANT bench_app TO {}").format(sql.Identifier(APP)))


def _create_database(connection: psycopg.Connection[Any]) -> None:
    found = connection.execute(
        "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s", [DATABASE]
    ).fetchone()
    if found is None:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
    if found is None or found[0] is None:  # a comment that is there also tells what data the database holds
        comment = sql.SQL("COMMENT ON DATABASE {} IS {}")
        marker = json.dumps({"marker": MARKER})
        connection.execute(comment.format(sql.Identifier(DATABASE), sql.Literal(marker)))
