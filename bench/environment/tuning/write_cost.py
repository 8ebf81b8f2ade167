"""What a new index costs the writers of its table: rows put back with it and without it, in turn, all rolled back."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any

from psycopg import sql

from bench.analysis.tuning.write_cost import WriteCost
from bench.environment.connection import connected
from bench.stats.estimate import Refused
from bench.stats.replicates import mean_interval

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    import psycopg

    from bench.model.endpoint import Endpoint

ROWS = 2_000
"""Rows put back each time; fewer where the table is smaller."""
PAIRS = 6
_INDEXES = """
SELECT i.indexrelid::regclass::text, i.indrelid::regclass::text,
       (SELECT sum(pg_relation_size(part))::bigint
          FROM (SELECT i.indexrelid AS part UNION SELECT relid FROM pg_partition_tree(i.indexrelid)) AS parts)
  FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE NOT c.relispartition AND n.nspname NOT IN ('pg_catalog', 'pg_toast', 'information_schema')"""
_COLUMNS = """
SELECT attname FROM pg_attribute
 WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum"""


def measure_write_costs(clone: Endpoint, original: Endpoint) -> tuple[WriteCost, ...]:
    """Measure each index that the clone has and the original has not. The clone's data are as before afterwards."""
    with connected(original) as connection:
        known = {row[0] for row in connection.execute(_INDEXES.encode())}
    return _measure_all(clone, lambda index: index not in known)


def measure_index_costs(clone: Endpoint, names: Collection[str]) -> tuple[WriteCost, ...]:
    """Measure indexes by their names, as the server writes them. The clone's data are as before afterwards."""
    return _measure_all(clone, lambda index: index in names)


def _measure_all(clone: Endpoint, wanted: Callable[[str], bool]) -> tuple[WriteCost, ...]:
    """Measure the indexes that are wanted.

    Triggers and foreign keys rest meanwhile (``session_replication_role``), which takes a superuser: what differs
    between the two sides is the index alone. A table without rows says nothing and is left out.
    """
    found = []
    with connected(clone) as connection:
        for index, table, size in [row for row in connection.execute(_INDEXES.encode()) if wanted(row[0])]:
            cost = _measure(connection, index, table, int(size or 0))
            if cost is not None:
                found.append(cost)
    return tuple(found)


def _measure(connection: psycopg.Connection[Any], index: str, table: str, size_bytes: int) -> WriteCost | None:
    extra_s: list[float] = []
    extra_wal: list[float] = []
    rows = 0
    for pair in range(PAIRS):
        sides = (True, False) if pair % 2 == 0 else (False, True)
        taken = {with_index: _put_back(connection, index, table, with_index=with_index) for with_index in sides}
        rows = taken[True][0]
        if rows == 0:
            return None
        extra_s.append((taken[True][1] - taken[False][1]) / rows)
        extra_wal.append((taken[True][2] - taken[False][2]) / rows)
    time_per_row, wal_per_row = mean_interval(extra_s, unit="s"), mean_interval(extra_wal, unit="B")
    if isinstance(time_per_row, Refused) or isinstance(wal_per_row, Refused):
        return None
    return WriteCost(
        index=index,
        table=table,
        size_bytes=size_bytes,
        rows=rows,
        time_per_row=time_per_row,
        wal_per_row=wal_per_row,
    )


def _put_back(
    connection: psycopg.Connection[Any], index: str, table: str, *, with_index: bool
) -> tuple[int, float, float]:
    """Take rows out and put them back; return their number, seconds and bytes of WAL of the putting back."""
    names = sql.SQL(", ").join(sql.Identifier(row[0]) for row in connection.execute(_COLUMNS, [table]))
    target = sql.SQL(table)  # as the server writes a regclass, quoted where it has to be
    with _undone(connection):
        connection.execute("SET LOCAL session_replication_role = replica")
        if not with_index:
            connection.execute(sql.SQL("DROP INDEX {}").format(sql.SQL(index)))
        connection.execute(
            sql.SQL(
                "CREATE TEMPORARY TABLE bench_rows ON COMMIT DROP AS"
                " SELECT t.ctid AS bench_row, t.tableoid AS bench_part, t.* FROM {} AS t LIMIT {}"
            ).format(target, sql.Literal(ROWS))
        )
        connection.execute(
            sql.SQL(
                "DELETE FROM {} AS t USING bench_rows AS r WHERE t.ctid = r.bench_row AND t.tableoid = r.bench_part"
            ).format(target)
        )
        before, began = _wal_bytes(connection), time.perf_counter()
        put = connection.execute(
            sql.SQL("INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE SELECT {} FROM bench_rows").format(
                target, names, names
            )
        ).rowcount
        return put, time.perf_counter() - began, _wal_bytes(connection) - before


def _wal_bytes(connection: psycopg.Connection[Any]) -> float:
    [(position,)] = connection.execute("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn").fetchall()
    return float(position)


@contextlib.contextmanager
def _undone(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """Run a transaction that never commits."""
    with connection.transaction(force_rollback=True):
        yield
