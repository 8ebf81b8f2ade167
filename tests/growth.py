"""Whether a load left more behind than its scenario says."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.model.endpoint import Endpoint
    from bench.model.scenario import Scenario

_TABLES = """
SELECT relname FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition"""


def row_counts(admin: Endpoint) -> dict[str, int]:
    """Count the rows of every table of ours."""
    counts = {}
    with psycopg.connect(admin.dsn()) as connection:
        for (name,) in connection.execute(_TABLES).fetchall():
            row = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(name))).fetchone()
            counts[str(name)] = int(row[0]) if row else 0
    return counts


def gains(before: Mapping[str, int], after: Mapping[str, int]) -> dict[str, int]:
    """Return the tables that have more rows, or fewer, with the difference."""
    return {table: after[table] - rows for table, rows in before.items() if after[table] != rows}


def allowance(scenario: Scenario, executed: Mapping[int, int]) -> Counter[str]:
    """Return the rows that each table may have gained; ``executed`` counts executions by the operation's index."""
    allowed: Counter[str] = Counter()
    for position, operation in enumerate(scenario.operation):
        for table, rows in operation.adds.items():
            allowed[table] += round(rows * executed.get(position, 0))
        allowed.update(operation.keeps)
    return allowed


def overgrown(scenario: Scenario, gained: Mapping[str, int], allowed: Mapping[str, int]) -> dict[str, int]:
    """Return the tables that gained more than they may, or lost rows, with the difference.

    A table of slots that an earlier load has filled may lose some: what fills a slot anew may be smaller.
    """
    recycled = {table for operation in scenario.operation for table in operation.keeps}
    return {
        table: rows
        for table, rows in gained.items()
        if rows > allowed.get(table, 0) or (rows < 0 and table not in recycled)
    }
