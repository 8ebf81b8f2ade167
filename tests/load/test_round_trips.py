"""What an operation costs on the wire with each driver, counted."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from bench.model.sample import Outcome
from tests.load.pools import (
    PLUS,
    TWO_STEPS,
    ask,
    cost,
    end_of,
    using,
)

if TYPE_CHECKING:
    from bench.environment.embedded import Environment
    from bench.model.ports import OpenPool

pytestmark = pytest.mark.pg


CASES = {
    "asyncpg": ("asyncpg", {}, (2, 2, 2)),
    "asyncpg without reset": ("asyncpg", {"reset": "none"}, (1, 1, 1)),
    "asyncpg without statement cache": ("asyncpg", {"statement_cache": 0}, (3, 2, 2)),
    "asyncpg without both": ("asyncpg", {"statement_cache": 0, "reset": "none"}, (2, 1, 1)),
    "asyncpg-queue": ("asyncpg-queue", {}, (1, 1, 1)),
    "psycopg": ("psycopg", {}, (1, 1, 1)),
    "psycopg without prepared statements": ("psycopg", {"statement_cache": 0}, (1, 1, 1)),
    "psycopg as it is by default, autocommit off": ("psycopg", {"autocommit": False}, (3, 1, 3)),
}


@pytest.mark.parametrize(("driver", "settings", "costs"), CASES.values(), ids=CASES.keys())
def test_one_select_costs(
    roomy_pooler: Environment, driver: str, settings: dict[str, Any], costs: tuple[int, int, int]
) -> None:
    """Round trips on the wire, server assignments, and the queries that pgBouncer counts.

    Without a statement cache asyncpg asks for the description first, ends that with a flush and so holds the server for
    one more round trip, which pgBouncer does not count as a query.
    """
    assert asyncio.run(cost(roomy_pooler, driver, PLUS, settings)) == costs


TRANSACTIONS = {
    "asyncpg": ("asyncpg", {}, (5, 2, 5)),
    "asyncpg without reset": ("asyncpg", {"reset": "none"}, (4, 1, 4)),
    "asyncpg without statement cache": ("asyncpg", {"statement_cache": 0}, (7, 2, 5)),
    "asyncpg-queue": ("asyncpg-queue", {}, (4, 1, 4)),
    "psycopg": ("psycopg", {}, (4, 1, 4)),
    "psycopg, autocommit off": ("psycopg", {"autocommit": False}, (4, 1, 4)),
}


@pytest.mark.parametrize(("driver", "settings", "costs"), TRANSACTIONS.values(), ids=TRANSACTIONS.keys())
def test_a_transaction_of_two_steps_costs(
    roomy_pooler: Environment, driver: str, settings: dict[str, Any], costs: tuple[int, int, int]
) -> None:
    """BEGIN, two statements, COMMIT, on one server connection; the reset takes another."""
    assert asyncio.run(cost(roomy_pooler, driver, TWO_STEPS, settings)) == costs


@pytest.mark.parametrize(
    ("driver", "reset", "sent"), [("asyncpg", "default", 5), ("asyncpg", "none", 0), ("psycopg", "default", 0)]
)
def test_only_asyncpg_sends_a_reset_query_and_only_by_default(
    environment: Environment, driver: str, reset: str, sent: int
) -> None:
    calls = "SELECT coalesce(sum(calls), 0)::int FROM pg_stat_statements WHERE query LIKE '%pg_advisory_unlock_all%'"

    async def run(pool: OpenPool) -> None:
        for _ in range(5):
            assert await end_of(pool, PLUS, 1) == Outcome.OK

    before = ask(environment.admin, calls + " AND query NOT LIKE '%pg_stat_statements%'")[0][0]
    using(driver, environment.app, run, reset=reset)
    assert ask(environment.admin, calls + " AND query NOT LIKE '%pg_stat_statements%'")[0][0] - before == sent
