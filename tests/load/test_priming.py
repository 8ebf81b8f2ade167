"""Prepared statements: kept as the scenario says, and past every threshold when the load begins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from bench.environment.pooler_ini import PoolerSettings
from bench.load.priming import ROLLED_BACK, prime, rehearsal, rounds
from bench.model.pooler import Pooler
from bench.model.sample import Outcome
from bench.model.scenario import ClosedLoop, Operation, Pool, Scenario
from tests.load.pools import (
    DRIVERS,
    PLUS,
    TWO_STEPS,
    N,
    ask,
    end_of,
    steps,
    using,
)

if TYPE_CHECKING:
    from bench.environment.embedded import Environment
    from bench.model.endpoint import Endpoint
    from bench.model.ports import OpenPool

pytestmark = pytest.mark.pg


PREPARED = Operation(
    name="prepared", sql="SELECT statement FROM pg_prepared_statements WHERE statement LIKE '%::int + 1'"
)


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize(("cache", "kept"), [(100, True), (0, False)])
def test_statements_are_prepared_unless_the_cache_is_off(
    environment: Environment, driver: str, cache: int, *, kept: bool
) -> None:
    async def run(pool: OpenPool) -> int:
        for _ in range(rounds(driver)):
            await end_of(pool, PLUS, 1)
        connection = await pool.acquire()
        found = await pool.compile(PREPARED)(connection, ())
        await pool.release(connection)
        return found

    assert using(driver, environment.app, run, statement_cache=cache) == int(kept)


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_statement_cache_holds_no_more_than_it_is_given(environment: Environment, driver: str) -> None:
    async def run(pool: OpenPool) -> int:
        for number in range(4):
            for _ in range(rounds(driver)):
                await end_of(pool, Operation(name="n", sql=f"SELECT {number} + $1::int + 1", parameters=(N,)), 1)
        connection = await pool.acquire()
        found = await pool.compile(PREPARED)(connection, ())
        await pool.release(connection)
        return found

    # asyncpg keeps the question itself; psycopg never prepares that, and drops its oldest when it next sends something
    assert using(driver, environment.app, run, statement_cache=2) == (3 if driver == "psycopg" else 1)


def test_a_transaction_rolled_back_costs_psycopg_its_prepared_statements(environment: Environment) -> None:
    """So each failed transaction makes it prepare everything again, and nothing can be primed by rolling back."""

    async def run(pool: OpenPool) -> list[Any]:
        found: list[Any] = []
        for operation in (PLUS, steps("SELECT 1", "SELECT 1 / 0"), PLUS):
            for _ in range(rounds("psycopg") if operation is PLUS and not found else 1):
                await end_of(pool, operation, *([1] if operation is PLUS else []))
            connection = await pool.acquire()
            found.append(await pool.compile(PREPARED)(connection, ()))
            await pool.release(connection)
        return found

    assert using("psycopg", environment.app, run) == [1, 0, 0]


def scenario_of(driver: str, *operations: Operation, mode: str = "transaction") -> Scenario:
    return Scenario(
        name="primed",
        operation=operations,
        load=ClosedLoop(clients=1),
        pool=Pool(driver=driver),  # type: ignore[arg-type]  # a parameter of the test
        pooler=Pooler(mode=mode),  # type: ignore[arg-type]  # the same
    )


async def primed(pool: OpenPool, scenario: Scenario, size: int) -> int:
    executes = [pool.compile(operation) for operation in scenario.operation]
    arguments = [iter([(100 + n,) for n in range(500)]) for _ in scenario.operation]
    return await prime(pool, size, scenario, executes, arguments)


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize("driver", DRIVERS)
def test_priming_passes_every_threshold_on_every_connection(environment: Environment, driver: str) -> None:
    """After five custom plans PostgreSQL may take the generic one, and does for statements as plain as these.

    Writes are primed too where the driver lets them be taken back.
    """
    write = Operation(name="write", sql="INSERT INTO contract VALUES ($1::int, 1)", parameters=(N,))
    plans = Operation(
        name="plans",
        sql="SELECT 1 FROM pg_prepared_statements WHERE custom_plans >= 5 AND generic_plans >= 1 "
        "AND (statement LIKE '%::int + 1' OR statement LIKE 'INSERT INTO contract%')",
    )
    whole = driver != "psycopg"

    async def run(pool: OpenPool) -> list[int]:
        assert await primed(pool, scenario_of(driver, PLUS), 3) == rounds(driver)
        assert await primed(pool, scenario_of(driver, PLUS, write), 3) == (rounds(driver) if whole else 0)
        connections = [await pool.acquire() for _ in range(3)]
        found = [await pool.compile(plans)(connection, ()) for connection in connections]
        for connection in connections:
            await pool.release(connection)
        return found

    assert using(driver, environment.app, run, size=3) == [2 if whole else 1] * 3
    assert ask(environment.admin, "SELECT count(*) FROM contract") == [(2,)], "what priming writes is rolled back"


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_statement_that_fails_while_priming_is_left_to_the_load_to_count(endpoint: Endpoint, driver: str) -> None:
    failing = Operation(name="failing", sql="SELECT 1 / ($1::int - $1::int)", parameters=(N,))

    async def run(pool: OpenPool) -> None:
        assert await primed(pool, scenario_of(driver, PLUS, failing), 2) == 0
        assert await end_of(pool, PLUS, 1) == Outcome.OK

    using(driver, endpoint, run, size=2)


@pytest.mark.usefixtures("table")
def test_priming_begins_no_transaction_where_the_pooler_allows_none(environment: Environment) -> None:
    environment.pooler.apply(PoolerSettings("statement", pool_size=4), environment.pooled.dbname)
    write = Operation(name="write", sql="INSERT INTO contract VALUES ($1::int, 1)", parameters=(N,))

    async def run(pool: OpenPool) -> None:
        assert await primed(pool, scenario_of("asyncpg", write, mode="statement"), 1) == 0
        assert await end_of(pool, write, 7) == Outcome.OK

    try:
        using("asyncpg", environment.pooled, run)
    finally:
        environment.pooler.apply(PoolerSettings(pool_size=4), environment.pooled.dbname)


def test_a_rehearsal_is_the_operation_and_its_end() -> None:
    assert [step.sql for step in rehearsal(PLUS).steps] == ["SELECT $1::int + 1", "SELECT 1 WHERE false"]
    assert rehearsal(TWO_STEPS).steps[-1].returns == (ROLLED_BACK,)
