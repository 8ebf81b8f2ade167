"""All subjects into a database, on several connections at once where the foreign keys allow it."""

from __future__ import annotations

import contextlib
import time
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING, Any

from psycopg import sql

from bench.environment.connection import connected
from bench.environment.seeding import FIRST_MONTHS, SUBJECTS
from bench.environment.seeding.bulk_load import load_table, restart_sequences
from bench.model.errors import SetupError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future

    from psycopg import Connection

    from bench.environment.seeding import Subject
    from bench.environment.seeding.table import World
    from bench.model.endpoint import Endpoint

LANES = 2
"""Connections that load at the same time. The server does five sixths of the work, so that a second one pays where
there is a second core."""

PATIENCE_S = 120
_OLDER_SNAPSHOTS = """
SELECT count(*) FROM pg_stat_activity
  WHERE datname = current_database() AND pid <> pg_backend_pid() AND age(backend_xmin) > age(%s::text::xid)
"""


@contextlib.contextmanager
def connected_as_owner(admin: Endpoint) -> Iterator[Connection[Any]]:
    """Connect and take the owner's role, for which history may begin in any state and every tenant is visible."""
    with connected(admin) as connection:
        connection.execute("SET ROLE bench_owner")
        # VACUUM passes by rows whose commit may not have reached the disk, and by their neighbours in time.
        connection.execute("SET synchronous_commit = on")
        connection.execute("SET timezone = 'UTC'")
        yield connection


def load_all(admin: Endpoint, world: World, note: Callable[[str], None]) -> dict[str, int]:
    """Fill an empty schema; returns the rows of each table, parents before children."""
    with connected_as_owner(admin) as connection:
        _make_partitions(connection)
    rows = _load_subjects(admin, world, note)
    await_older_snapshots(admin)
    with ThreadPoolExecutor(LANES) as lanes:
        for future in [lanes.submit(_settle, admin, table) for table in rows]:
            future.result()
    with connected_as_owner(admin) as connection:
        restart_sequences(connection)
    return rows


def _make_partitions(connection: Connection[Any]) -> None:
    """Make a partition for every month that has data, and for those until the present one and a little on."""
    [(today,)] = connection.execute("SELECT current_date").fetchall()
    for function, month in FIRST_MONTHS.items():
        back = max(0, (today.year - month.year) * 12 + today.month - month.month)
        connection.execute(sql.SQL("SELECT {}(3, %s)").format(sql.Identifier(function)), [back])


def _load_subjects(admin: Endpoint, world: World, note: Callable[[str], None]) -> dict[str, int]:
    """Load each subject as soon as those that it refers to are there."""
    order = TopologicalSorter({subject.name: subject.after for subject in SUBJECTS})
    order.prepare()
    named = {subject.name: subject for subject in SUBJECTS}
    rows: dict[str, int] = {}
    under_way: set[Future[tuple[str, dict[str, int]]]] = set()
    with ThreadPoolExecutor(LANES) as lanes:
        while order.is_active():
            under_way |= {lanes.submit(_load, admin, world, named[name]) for name in order.get_ready()}
            done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
            for future in done:
                name, loaded = future.result()
                note(f"  {name}: {sum(loaded.values()):,} rows")
                rows |= loaded
                order.done(name)
    return {table.name: rows[table.name] for subject in SUBJECTS for table in subject.tables}


def _load(admin: Endpoint, world: World, subject: Subject) -> tuple[str, dict[str, int]]:
    with connected_as_owner(admin) as connection:
        return subject.name, {table.name: load_table(connection, table, world) for table in subject.tables}


def await_older_snapshots(admin: Endpoint) -> None:
    """Wait for whoever still looks at the time before the load, such as autovacuum: VACUUM must keep it in view."""
    with connected(admin) as connection:
        [(loaded,)] = connection.execute("SELECT pg_snapshot_xmax(pg_current_snapshot())::xid").fetchall()
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            [(older,)] = connection.execute(_OLDER_SNAPSHOTS, [loaded]).fetchall()
            if not older:
                return
            time.sleep(0.05)
    raise SetupError(
        "a transaction that began before the load keeps its rows from being settled",
        evidence=f"it is still open {PATIENCE_S} s after the load",
        remedy="End it (pg_stat_activity shows it by backend_xmin), then load again.",
    )


def _settle(admin: Endpoint, table: str) -> None:
    """Freeze rows and collect statistics, so that plans and index-only scans do not depend on what ran before."""
    with connected_as_owner(admin) as connection:
        connection.execute(sql.SQL("VACUUM (FREEZE, ANALYZE) {}").format(sql.Identifier(table)))
