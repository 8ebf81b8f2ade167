"""What a server says of statements to benchmark: parameters, their types, and what they are compared with.

The server is the parser: a statement is prepared, which tells the types, and planned with its values unknown, where
the conditions name the columns. Nothing is executed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from bench.design.draft import Compared
from bench.model.errors import SetupError
from bench.model.sql_file import Statement

if TYPE_CHECKING:
    from collections.abc import Iterator

_CONDITIONS = ("Index Cond", "Recheck Cond", "Filter", "Hash Cond", "Merge Cond", "Join Filter", "TID Cond")
_NAME = r'"(?:[^"]|"")+"|\w+'
_COLUMN = rf"\(?(?:(?P<{{0}}alias>{_NAME})\.)?(?P<{{0}}column>{_NAME})\)?(?:::[\w \[\]]+(?:\(\d+\))?)?"
_PARAMETER = r"\(?\$(?P<{0}number>\d+)\)?"
_COMPARED = re.compile(
    rf"{_COLUMN.format('a')}\s*(?P<aop>=|<=|>=|<|>)\s*{_PARAMETER.format('a')}"
    rf"|{_PARAMETER.format('b')}(?:::[\w ]+)?\s*(?P<bop>=|<=|>=|<|>)\s*{_COLUMN.format('b')}"
)
_SUBPLAN_VALUES = re.compile(r"\(returns ([^)]*)\)")
STATEMENT_TIMEOUT = "10s"
_TOP = """
SELECT s.queryid, s.query, s.calls, s.total_exec_time / 1000.0 AS total_s,
       extract(epoch FROM clock_timestamp() - i.stats_reset) AS seen_s
FROM pg_stat_statements AS s, pg_stat_statements_info AS i
WHERE s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND s.toplevel AND s.calls > 0
  AND s.query ~* '^[[:space:](]*(select|with|insert|update|delete|merge|values|table)\\M'
  AND s.query !~* '\\m(pg_catalog|information_schema|pg_stat\\w*|pg_class|pg_settings|pg_database)\\M'
ORDER BY s.total_exec_time DESC
LIMIT %s
"""


@dataclass(frozen=True, slots=True)
class Described:
    """``types`` of the parameters in their order; ``compared`` by number of the parameter, from 1."""

    types: tuple[str, ...]
    compared: dict[int, Compared]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why the server does not take the statement as it is."""

    words: str


@dataclass(frozen=True, slots=True)
class Observed:
    """A statement that a server has counted: calls, and seconds that it took altogether."""

    statement: Statement
    calls: int
    total_s: float
    seen_s: float | None
    """Since when it has been counting."""


def describe(connection: psycopg.Connection[Any], statement: Statement) -> Described | Refusal:
    """Prepare and plan a statement, and forget it; nothing is executed."""
    name = sql.Identifier("poolbench_draft")
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(sql.SQL("SET LOCAL statement_timeout = {}").format(STATEMENT_TIMEOUT))
            connection.execute("SET LOCAL plan_cache_mode = force_generic_plan")
            # Or a NULL would leave no partition to read of.
            connection.execute("SET LOCAL enable_partition_pruning = off")
            connection.execute(sql.SQL("PREPARE {} AS ").format(name) + sql.SQL(statement.sql))
            types = _types(connection)
            unknown = sql.SQL(", ").join([sql.SQL("NULL")] * len(types))
            values = sql.SQL("({})").format(unknown) if types else sql.SQL("")
            query = sql.SQL("EXPLAIN (VERBOSE, FORMAT JSON) EXECUTE {}{}").format(name, values)
            row = connection.execute(query).fetchone()
            plan = row[0][0]["Plan"] if row else {}
            return Described(types, _comparisons(connection, plan))
    except psycopg.errors.QueryCanceled as error:  # an OperationalError, too
        return Refusal(f"{' '.join(str(error).split())} (after {STATEMENT_TIMEOUT}, for planning alone)")
    except psycopg.OperationalError as error:
        raise SetupError(
            "the server stopped answering while a statement was described",
            evidence=" ".join(str(error).split()),
            remedy="See whether it runs and what its log says.",
        ) from None
    except psycopg.Error as error:
        return Refusal(" ".join(str(error).split()))
    finally:
        if not connection.closed:  # PREPARE outlives a transaction that is rolled back
            connection.execute("DEALLOCATE ALL")


def observed_statements(connection: psycopg.Connection[Any], count: int) -> list[Observed]:
    """Return the statements of this database that took most time altogether; raises ``SetupError``."""
    try:
        rows = connection.execute(_TOP, [count]).fetchall()
    except psycopg.Error as error:
        raise SetupError(
            "the server's statements cannot be read",
            evidence=" ".join(str(error).split()),
            remedy="Preload pg_stat_statements, run `CREATE EXTENSION pg_stat_statements` in this database.",
        ) from None
    if any(query == "<insufficient privilege>" for _, query, *_ in rows):
        raise SetupError(
            "the texts of other roles' statements are hidden from this login",
            remedy="Grant it pg_read_all_stats (part of pg_monitor).",
        )
    return [
        Observed(
            Statement(
                f"q{queryid & (2**64 - 1):016x}", " ".join(query.split()) if "--" not in query else query.strip()
            ),
            int(calls),
            float(total_s),
            float(seen_s) if seen_s else None,
        )
        for queryid, query, calls, total_s, seen_s in rows
    ]


def _types(connection: psycopg.Connection[Any]) -> tuple[str, ...]:
    query = "SELECT parameter_types::text[] FROM pg_prepared_statements WHERE name = 'poolbench_draft'"
    row = connection.execute(query).fetchone()
    return tuple(row[0]) if row else ()


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from _nodes(child)


def _comparisons(connection: psycopg.Connection[Any], plan: dict[str, Any]) -> dict[int, Compared]:
    """Read the conditions of a plan: which column stands beside which parameter."""
    nodes = list(_nodes(plan))
    relations = {
        node["Alias"]: (node["Schema"], node["Relation Name"])
        for node in nodes
        if "Relation Name" in node and "Schema" in node
    }
    # Before version 17 what a sub-plan returns is written like a parameter.
    inner = {
        int(number)
        for node in nodes
        for listed in _SUBPLAN_VALUES.findall(str(node.get("Subplan Name", "")))
        for number in re.findall(r"\$(\d+)", listed)
    }
    found: dict[int, Compared] = {}
    for node in nodes:
        for kind in _CONDITIONS:
            for hit in _COMPARED.finditer(str(node.get(kind, ""))):
                side = "a" if hit["anumber"] else "b"
                number, column = int(hit[f"{side}number"]), hit[f"{side}column"]
                alias = (hit[f"{side}alias"] or str(node.get("Alias", ""))).strip('"')
                if number in inner or alias not in relations:
                    continue
                equal = hit[f"{side}op"] == "="
                if number not in found or (equal and not found[number].equal):
                    known = _column(connection, *relations[alias], column.strip('"'))
                    if known is not None:
                        found[number] = Compared(known[0], alias, column, equal, known[1])
    return found


def _column(connection: psycopg.Connection[Any], schema: str, table: str, column: str) -> tuple[str, float] | None:
    """Return the table to draw from, the root of a partition, and its rows; None for what is no column of it."""
    row = connection.execute(
        """
        SELECT root.oid::regclass::text,
               coalesce((SELECT sum(leaf.reltuples) FROM pg_partition_tree(root.oid) AS t
                         JOIN pg_class AS leaf ON leaf.oid = t.relid WHERE t.isleaf AND leaf.reltuples > 0),
                        greatest(root.reltuples, 0))
        FROM pg_class AS c
        JOIN pg_namespace AS n ON n.oid = c.relnamespace
        JOIN pg_class AS root ON root.oid = coalesce(pg_partition_root(c.oid), c.oid)
        JOIN pg_attribute AS a ON a.attrelid = root.oid AND a.attname = %s AND NOT a.attisdropped
        WHERE n.nspname = %s AND c.relname = %s
        """,
        [column, schema, table],
    ).fetchone()
    return (str(row[0]), float(row[1])) if row else None
