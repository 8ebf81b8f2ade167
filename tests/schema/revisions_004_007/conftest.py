"""A database at revision 007 for every test of these revisions: migrated once a module, copied for each test."""

from __future__ import annotations

import contextlib
import secrets
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import psycopg
import pytest
from psycopg import errors, sql

from bench.environment import migrations

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

Connection = psycopg.Connection[tuple[Any, ...]]
Row = dict[str, str]
_HERE = Path(__file__).parent


class Server(Protocol):
    """A running server, as the fixture pg_server gives it."""

    def dsn(self, database: str, user: str = "postgres", password: str | None = None) -> str:
        """Return the conninfo text of one database."""


@pytest.fixture(scope="session")
def rows() -> list[tuple[str, Row]]:
    """Give valid rows as SQL expressions, table by table, parents first."""
    earlier = tomllib.loads((_HERE.parent / "rows_001_003.toml").read_text("utf-8"))
    del earlier["state_transitions"]
    found: list[tuple[str, Row]] = list(earlier.items())
    for table, row in tomllib.loads((_HERE / "rows.toml").read_text("utf-8")).items():
        found.append((table, row))
        if table == "admin_users":  # whoever grants is somebody else
            found.append((table, row | {"id": "2", "user_id": "2"}))
    return found


@pytest.fixture(scope="session")
def insert() -> Callable[[Connection, str, Mapping[str, str]], None]:
    """Give a function that writes one row of SQL expressions."""

    def write(connection: Connection, table: str, row: Mapping[str, str]) -> None:
        connection.execute(
            sql.SQL("INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE VALUES ({})").format(
                sql.Identifier(table),
                sql.SQL(", ").join(map(sql.Identifier, row)),
                sql.SQL(", ").join(sql.SQL(value) for value in row.values()),
            )
        )

    return write


@pytest.fixture(scope="module")
def migrated(pg_server: Server) -> Iterator[str]:
    """Give the name of a database at revision 007; whoever uses it leaves it as it was."""
    name = f"m_{secrets.token_hex(6)}"
    with psycopg.connect(pg_server.dsn("postgres"), autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        migrations.upgrade(pg_server.dsn(name), "007")
        with psycopg.connect(pg_server.dsn(name)) as connection:
            # The valid rows carry small ids; what the tests add must not meet them.
            connection.execute("SELECT setval(oid, 1000) FROM pg_class WHERE relkind = 'S'")
        yield name
        admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
        # Roles belong to the server: the next module must find it as this one did.
        with contextlib.suppress(errors.DependentObjectsStillExist):
            admin.execute("DROP ROLE IF EXISTS bench_app, bench_owner")


@pytest.fixture
def at_007(pg_server: Server, migrated: str) -> Iterator[str]:
    """Give the superuser's DSN of a copy, for tests that must commit."""
    name = f"t_{secrets.token_hex(6)}"
    with psycopg.connect(pg_server.dsn("postgres"), autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(migrated)))
        yield pg_server.dsn(name)
        admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def empty(pg_server: Server, migrated: str) -> Iterator[Connection]:
    """Give a connection as bench_owner to a database without data, within a transaction that is rolled back."""
    with psycopg.connect(pg_server.dsn(migrated)) as connection:
        connection.execute("SET ROLE bench_owner")
        yield connection
        connection.rollback()


@pytest.fixture
def filled(
    empty: Connection, rows: list[tuple[str, Row]], insert: Callable[[Connection, str, Mapping[str, str]], None]
) -> Connection:
    """Give a connection as bench_owner to a database that holds a valid row a table."""
    for table, row in rows:
        insert(empty, table, row)
    return empty


@pytest.fixture
def raised(empty: Connection) -> Callable[[str, str], str]:
    """Give a function that runs what a rule of a table must refuse, and names the rule; the error says what to do."""

    def run(statement: str, table: str) -> str:
        with pytest.raises(errors.CheckViolation) as caught, empty.transaction():
            empty.execute(sql.SQL(statement).format(sql.Identifier(table)))
        assert caught.value.diag.message_hint
        return str(caught.value.diag.constraint_name)

    return run
