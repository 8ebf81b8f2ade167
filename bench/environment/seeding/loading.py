"""All subjects into a database, on several connections at once where the foreign keys allow it."""

from __future__ import annotations

from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING, Any

from psycopg import sql

from bench.environment.connection import connected
from bench.environment.seeding import SUBJECTS
from bench.environment.seeding.bulk_load import load_table

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from psycopg import Connection

    from bench.environment.seeding import Subject
    from bench.environment.seeding.table import World
    from bench.model.endpoint import Endpoint

LANES = 2
"""Connections that load at the same time. The server does five sixths of the work, so a second one pays; a third would
find no idle core on the machine the project is measured on."""


def load_subjects(admin: Endpoint, world: World, note: Callable[[str], None]) -> dict[str, int]:
    """Load every subject as soon as those before it are there; returns the rows of each table, in reading order."""
    order = TopologicalSorter({subject.name: subject.after for subject in SUBJECTS})
    order.prepare()
    named = {subject.name: subject for subject in SUBJECTS}
    rows: dict[str, int] = {}
    under_way: set[Future[tuple[Subject, dict[str, int]]]] = set()
    with ThreadPoolExecutor(LANES) as lanes:
        while order.is_active():
            under_way |= {lanes.submit(_load, admin, world, named[name]) for name in order.get_ready()}
            done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
            for future in done:
                subject, loaded = future.result()
                note(f"  {subject.name}: {sum(loaded.values()):,} rows")
                rows |= loaded
                order.done(subject.name)
    return {table.name: rows[table.name] for subject in SUBJECTS for table in subject.tables}


def settle(admin: Endpoint, tables: list[str]) -> None:
    """Freeze rows and collect statistics, so that plans and index-only scans do not depend on what ran before."""
    with ThreadPoolExecutor(LANES) as lanes:
        for future in [lanes.submit(_vacuum, admin, table) for table in tables]:
            future.result()


def act_as_owner(connection: Connection[Any]) -> None:
    """Take the owner's role, for which history may begin in any state, and settings for a load."""
    connection.execute("SET ROLE bench_owner")
    connection.execute("SET synchronous_commit = off")
    connection.execute("SET timezone = 'UTC'")


def _load(admin: Endpoint, world: World, subject: Subject) -> tuple[Subject, dict[str, int]]:
    with connected(admin) as connection:
        act_as_owner(connection)
        return subject, {table.name: load_table(connection, table, world) for table in subject.tables}


def _vacuum(admin: Endpoint, table: str) -> None:
    with connected(admin) as connection:
        act_as_owner(connection)
        connection.execute(sql.SQL("VACUUM (FREEZE, ANALYZE) {}").format(sql.Identifier(table)))
