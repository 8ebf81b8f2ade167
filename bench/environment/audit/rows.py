"""Writing rows to a scratch database, and what the server says when it refuses."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from bench.environment.audit.session import rolled_back

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from bench.environment.audit.candidates import Row
    from bench.environment.audit.catalogue import Catalogue, Column

Connection = psycopg.Connection[Any]


@dataclass(frozen=True, slots=True)
class Refusal:
    """The server's answer to a statement it did not take. ``rule`` is the constraint, or the column of a NOT NULL."""

    sqlstate: str
    rule: str
    message: str
    hint: str
    context: str
    table: str

    def __str__(self) -> str:
        return f"{self.message} ({self.sqlstate})"


def refusal(action: Callable[[], object], connection: Connection) -> Refusal | None:
    """Do something in a savepoint and undo it; returns how the server refused, None if it did not."""
    try:
        with rolled_back(connection):
            action()
    except psycopg.Error as error:
        return explain(error)
    return None


def explain(error: psycopg.Error) -> Refusal:
    """Return what an error of the server says."""
    said = error.diag
    return Refusal(
        sqlstate=said.sqlstate or "",
        rule=said.constraint_name or said.column_name or "",
        message=" ".join((said.message_primary or str(error)).split()),
        hint=said.message_hint or "",
        context=said.context or "",
        table=said.table_name or "",
    )


class Writer:
    """Reads and writes the rows of one schema, values as text."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._columns = {table: catalogue.columns_of(table) for table in catalogue.tables}

    def columns(self, table: str) -> list[Column]:
        """Return the columns that can be written."""
        return [column for column in self._columns[table] if not column.generated]

    def read(self, connection: Connection, table: str) -> list[Row]:
        """Return the rows of a table, oldest first."""
        columns = self.columns(table)
        chosen = sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(column.name)) for column in columns)
        query = sql.SQL("SELECT {} FROM {} ORDER BY tableoid, ctid LIMIT 100").format(chosen, sql.SQL(table))
        names = [column.name for column in columns]
        return [dict(zip(names, row, strict=True)) for row in connection.execute(query)]

    def insert(self, connection: Connection, table: str, row: Mapping[str, str | None]) -> None:
        """Write one row as it stands, its identity too."""
        types = {column.name: column.type for column in self._columns[table]}
        names = sql.SQL(", ").join(map(sql.Identifier, row))
        values = sql.SQL(", ").join(sql.SQL(f"%s::{types[name]}") for name in row)
        statement = sql.SQL("INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE VALUES ({})")
        connection.execute(statement.format(sql.SQL(table), names, values), list(row.values()))

    def update(
        self, connection: Connection, table: str, changes: Mapping[str, str | None], where: Mapping[str, str | None]
    ) -> int:
        """Change the rows that have these values; returns how many."""
        types = {column.name: column.type for column in self._columns[table]}
        assigned = sql.SQL(", ").join(
            sql.SQL("{} = %s::" + types[name]).format(sql.Identifier(name)) for name in changes
        )
        statement = sql.SQL("UPDATE {} SET {} WHERE {}").format(sql.SQL(table), assigned, self._matching(table, where))
        return connection.execute(statement, [*changes.values(), *_given(where)]).rowcount

    def delete(self, connection: Connection, table: str, where: Mapping[str, str | None]) -> int:
        """Remove the rows that have these values; returns how many."""
        statement = sql.SQL("DELETE FROM {} WHERE {}").format(sql.SQL(table), self._matching(table, where))
        return connection.execute(statement, _given(where)).rowcount

    def count(self, connection: Connection, table: str, where: Mapping[str, str | None]) -> int:
        """Count the rows that have these values."""
        query = sql.SQL("SELECT count(*) FROM {} WHERE {}").format(sql.SQL(table), self._matching(table, where))
        row = connection.execute(query, _given(where)).fetchone()
        return int(row[0]) if row else 0

    @staticmethod
    def key(row: Row, primary_key: Iterable[str]) -> Row:
        """Return what tells a row from all others: its primary key, or all of it."""
        names = list(primary_key) or list(row)
        return {name: row[name] for name in names}

    def _matching(self, table: str, where: Mapping[str, str | None]) -> sql.Composable:
        types = {column.name: column.type for column in self._columns[table]}
        parts = [
            sql.SQL("{} IS NULL").format(sql.Identifier(name))
            if value is None
            else sql.SQL("{} = %s::" + types[name]).format(sql.Identifier(name))
            for name, value in where.items()
        ]
        return sql.SQL(" AND ").join(parts) if parts else sql.SQL("true")


def _given(where: Mapping[str, str | None]) -> list[str]:
    return [value for value in where.values() if value is not None]


@contextlib.contextmanager
def acting_as(connection: Connection, role: str, **settings: str) -> Any:
    """Be a role, with settings of the transaction, for the length of a block that is undone."""
    with rolled_back(connection):
        for name, value in settings.items():
            connection.execute("SELECT set_config(%s, %s, true)", [name.replace("__", "."), value])
        connection.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(role)))
        yield
