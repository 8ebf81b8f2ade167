"""EXPLAIN of a scenario's operations, in a transaction that is rolled back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import psycopg
from psycopg import sql

from bench.environment.connection import connected
from bench.model.errors import ScenarioError
from bench.model.facts import PlanFact

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.model.endpoint import Endpoint
    from bench.model.scenario import Operation

STATEMENT_TIMEOUT = "30s"
_OPTIONS = "ANALYZE, BUFFERS, SETTINGS, FORMAT JSON"


def explain(
    endpoint: Endpoint,
    operation: Operation,
    argument_sets: Sequence[tuple[Any, ...]],
    *,
    kind: Literal["custom", "generic"] = "custom",
) -> list[PlanFact]:
    """Return one plan per argument set of a single-statement operation.

    The statement is prepared first, so that the server infers the parameter types as it does for a driver. ANALYZE
    executes it: everything happens inside a transaction that is rolled back.
    """
    text = operation.steps[0].sql.strip().rstrip(";")
    facts = []
    with connected(endpoint) as connection:
        try:
            connection.execute("BEGIN")
            connection.execute(sql.SQL("SET LOCAL statement_timeout = {}").format(sql.Literal(STATEMENT_TIMEOUT)))
            connection.execute(f"SET LOCAL plan_cache_mode = force_{kind}_plan".encode())
            connection.execute(f"PREPARE bench_explain AS {text}".encode())
            for arguments in argument_sets:
                literals = sql.SQL(", ").join(map(sql.Literal, arguments))
                call = sql.SQL("bench_explain({})").format(literals) if arguments else sql.SQL("bench_explain")
                query = sql.SQL("EXPLAIN (" + _OPTIONS + ") EXECUTE {}").format(call)
                row = connection.execute(query).fetchone()
                document = row[0][0] if row else {}
                facts.append(
                    PlanFact(
                        operation=operation.name,
                        role=operation.role,
                        kind=kind,
                        sql=text,
                        arguments=tuple(map(str, arguments)),
                        document=document,
                    )
                )
            connection.execute("ROLLBACK")
        except psycopg.Error as error:
            raise ScenarioError(
                f"operation {operation.name!r} cannot be explained: {' '.join(str(error).split())}",
                remedy="Check the statement, its `$n` parameters and the role's privileges; `bench plan` shows it.",
            ) from None
    return facts
