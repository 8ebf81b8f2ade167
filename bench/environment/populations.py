"""Reads the rows that ``sample`` parameters draw from, once before the load."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg

from bench.environment.connection import connected
from bench.model.errors import ScenarioError
from bench.model.parameters import Sample

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bench.design.parameters import Populations
    from bench.model.endpoint import Endpoint
    from bench.model.scenario import Operation


def read_populations(endpoint: Endpoint, operations: Iterable[Operation]) -> Populations:
    """Return the rows by query text, in a read-only transaction; an empty or misshapen answer is refused."""
    populations: Populations = {}
    with connected(endpoint) as connection:
        connection.read_only = True
        connection.autocommit = False
        for operation in operations:
            for parameter in operation.parameters:
                if isinstance(parameter, Sample) and parameter.sql not in populations:
                    populations[parameter.sql] = _read(connection, operation.name, parameter)
    return populations


def _read(connection: psycopg.Connection, operation: str, parameter: Sample) -> list[tuple[object, ...]]:
    where = f"operation {operation!r}, the query that samples {', '.join(parameter.names)},"
    try:
        with connection.cursor() as cursor:
            cursor.execute(parameter.sql.encode())
            rows = cursor.fetchmany(parameter.limit)
    except psycopg.Error as error:
        raise ScenarioError(
            f"{where} failed: {' '.join(str(error).split())}", remedy="Correct the query in `parameters[].sql`."
        ) from None
    if not rows:
        raise ScenarioError(f"{where} returned no rows", remedy="Seed the data (`bench seed`) or correct the query.")
    if len(rows[0]) != len(parameter.names):
        raise ScenarioError(
            f"{where} returned {len(rows[0])} columns for {len(parameter.names)} names",
            remedy="Give one name for each column in `names`.",
        )
    return rows
