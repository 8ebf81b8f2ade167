"""Rows into tables by binary COPY, with every foreign key, CHECK, trigger and policy left on."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from psycopg import sql

from bench.environment.seeding.columns import SIGNATURE, TRAILER
from bench.environment.seeding.table import chunks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg import Connection

    from bench.environment.seeding.table import Chunk, Table, World

_STAGE = sql.Identifier("seeding_stage")


def load_table(connection: Connection[Any], table: Table, world: World) -> int:
    """Fill one table in one transaction and return its number of rows.

    One COPY a chunk: what the server keeps for the foreign keys of a statement stays small too. The next chunk is
    made while the server works on this one.
    """
    rows = 0
    with connection.transaction():
        into = _copy_staged if _has_row_security(connection, table) else _copy
        for chunk in _made_ahead(chunks(table, world)):
            into(connection, table, chunk)
            rows += chunk.rows
    return rows


def restart_sequences(connection: Connection[Any]) -> None:
    """Let identity columns go on behind the loaded ids: COPY brings its own and leaves their sequences behind."""
    found = connection.execute(
        """
        SELECT c.relname, a.attname, pg_get_serial_sequence(c.oid::regclass::text, a.attname)
          FROM pg_attribute AS a
          JOIN pg_class AS c ON c.oid = a.attrelid
          WHERE a.attidentity <> '' AND c.relnamespace = 'public'::regnamespace AND NOT c.relispartition
        """
    ).fetchall()
    for table, column, sequence in found:
        highest = sql.SQL("SELECT setval({}, max({})) FROM {} HAVING max({}) IS NOT NULL")
        name = sql.Identifier(column)
        connection.execute(highest.format(sql.Literal(sequence), name, sql.Identifier(table), name))


def _made_ahead(pieces: Iterator[Chunk]) -> Iterator[Chunk]:
    with ThreadPoolExecutor(max_workers=1) as maker:
        upcoming = maker.submit(next, pieces, None)
        while chunk := upcoming.result():
            upcoming = maker.submit(next, pieces, None)
            yield chunk


def _has_row_security(connection: Connection[Any], table: Table) -> bool:
    row = connection.execute("SELECT row_security_active(%s)", [table.name]).fetchone()
    return bool(row and row[0])


def _names(chunk: Chunk) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, chunk.columns))


def _copy(connection: Connection[Any], table: Table, chunk: Chunk) -> None:
    _send(connection, sql.Identifier(table.name), chunk)


def _copy_staged(connection: Connection[Any], table: Table, chunk: Chunk) -> None:
    """Go through a temporary table: COPY refuses a table whose row-level security binds the current role."""
    names, target = _names(chunk), sql.Identifier(table.name)
    stage = sql.SQL("CREATE TEMPORARY TABLE {} AS SELECT {} FROM {} WITH NO DATA")
    connection.execute(stage.format(_STAGE, names, target))
    _send(connection, _STAGE, chunk)
    move = sql.SQL("INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE SELECT {} FROM {}")
    connection.execute(move.format(target, names, names, _STAGE))
    connection.execute(sql.SQL("DROP TABLE {}").format(_STAGE))


def _send(connection: Connection[Any], target: sql.Identifier, chunk: Chunk) -> None:
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(target, _names(chunk))
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(SIGNATURE)
        copy.write(chunk.data)
        copy.write(TRAILER)
