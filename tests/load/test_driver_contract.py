"""One contract for all drivers, kept on real servers, with pgBouncer between and without."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import psycopg
import pytest

from bench.load.drivers import asyncpg as asyncpg_driver
from bench.load.drivers import find_driver
from bench.model.errors import DriverMissing, ScenarioError
from bench.model.sample import Outcome
from bench.model.scenario import Operation, Step
from bench.model.units import Duration
from tests.load.pools import (
    DRIVERS,
    PLUS,
    POOLS,
    N,
    ask,
    end_of,
    eventually,
    in_time,
    show,
    steps,
    using,
)

if TYPE_CHECKING:
    from bench.environment.embedded import Environment
    from bench.model.endpoint import Endpoint
    from bench.model.ports import OpenPool

pytestmark = pytest.mark.pg


SOON = Duration(100_000_000)


def backends(environment: Environment) -> int:
    """Count the load's connections at the server."""
    sql = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'bench_app_login'"
    return int(ask(environment.admin, sql)[0][0])


# Pools


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_prewarmed_pool_opens_exactly_its_size(environment: Environment, endpoint: Endpoint, driver: str) -> None:
    pooled = endpoint.port == environment.pooler.port
    if not pooled:  # what the pooler keeps from earlier tests would be counted with ours
        with psycopg.connect(environment.pooler.console.dsn(), autocommit=True) as console:
            console.execute("RECONNECT")
        eventually(lambda: backends(environment) == 0)

    def clients() -> int:
        return sum(int(row["cl_active"]) for row in show(environment, "POOLS") if row["user"] == endpoint.user)

    async def count(pool: OpenPool) -> None:
        assert pool.opened() == 3
        await in_time(lambda: (clients() if pooled else backends(environment)) == 3)

    using(driver, endpoint, count, size=3)


@pytest.mark.parametrize("driver", POOLS)
def test_a_pool_that_is_not_prewarmed_opens_its_first_connection_for_its_first_user(
    endpoint: Endpoint, driver: str
) -> None:
    async def count(pool: OpenPool) -> None:
        assert pool.opened() == 0
        assert await end_of(pool, PLUS, 1) == Outcome.OK
        assert pool.opened() == 1

    using(driver, endpoint, count, size=3, prewarm=False)


def test_a_driver_that_cannot_start_cold_refuses_to(environment: Environment) -> None:
    async def nothing(_: OpenPool) -> None: ...

    with pytest.raises(ScenarioError, match="opens all its connections before the load"):
        using("asyncpg-queue", environment.app, nothing, prewarm=False)


def test_asyncpg_knocks_with_some_connections_at_a_time(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its pool opens all at once, and of thousands the last would have timed out before the pooler came to them."""
    open_connection = asyncpg_driver.connect
    knocking: list[int] = [0, 0]

    async def connect(*args: object, **settings: object) -> object:
        knocking[0] += 1
        knocking[1] = max(knocking)
        try:
            return await open_connection(*args, **settings)
        finally:
            knocking[0] -= 1

    monkeypatch.setattr(asyncpg_driver, "CONNECTS_AT_ONCE", 4)
    monkeypatch.setattr(asyncpg_driver, "connect", connect)

    async def count(pool: OpenPool) -> None:
        assert pool.opened() == 12

    using("asyncpg", environment.pooled, count, size=12)
    assert knocking == [0, 4]


def test_all_connections_of_a_plain_queue_take_turns(endpoint: Endpoint) -> None:
    """So a pool of as many connections as users has each of them used, as if every user had their own."""

    async def use(pool: OpenPool) -> None:
        seen = []
        for _ in range(6):
            connection = await pool.acquire()
            seen.append(id(connection))
            await pool.release(connection)
        assert seen[:3] == seen[3:]
        assert len(set(seen)) == 3

    using("asyncpg-queue", endpoint, use, size=3)


@pytest.mark.parametrize("driver", DRIVERS)
def test_acquire_waits_while_all_are_in_use_and_gets_what_is_released(endpoint: Endpoint, driver: str) -> None:
    async def wait(pool: OpenPool) -> None:
        first = await pool.acquire()
        second = asyncio.ensure_future(pool.acquire())
        for _ in range(3):
            assert await pool.compile(PLUS)(first, (1,)) == 1
        assert not second.done()
        await pool.release(first)
        assert await pool.compile(PLUS)(await second, (1,)) == 1
        assert pool.opened() == 1
        await pool.release(second.result())

    using(driver, endpoint, wait)


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_pool_that_has_none_to_give_in_time_says_so(endpoint: Endpoint, driver: str) -> None:
    async def wait(pool: OpenPool) -> None:
        held = await pool.acquire()
        assert await end_of(pool, PLUS, 1) == Outcome.POOL_TIMEOUT
        await pool.release(held)
        assert await end_of(pool, PLUS, 1) == Outcome.OK

    using(driver, endpoint, wait, acquire_timeout=SOON)


def test_max_queries_replaces_a_connection_and_counts_the_new_one(environment: Environment) -> None:
    """The reset counts too: with the default one, 10 queries are 5 operations."""

    async def run(pool: OpenPool) -> int:
        for _ in range(20):
            await end_of(pool, PLUS, 1)
        return pool.opened()

    assert using("asyncpg", environment.app, run, max_queries=10) == 4
    assert using("asyncpg", environment.app, run, max_queries=10, reset="none") == 2
    assert using("asyncpg", environment.app, run) == 1


# Operations


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize("driver", DRIVERS)
def test_steps_pass_values_on_and_commit_together(environment: Environment, endpoint: Endpoint, driver: str) -> None:
    operation = Operation(
        name="move",
        parameters=(N,),
        step=(
            Step(sql="INSERT INTO contract VALUES ($1, 30) RETURNING id, n", args=("n",), returns=("id", "amount")),
            Step(sql="INSERT INTO contract VALUES ($1::int + 1, $2::int + 1)", args=("id", "amount")),
        ),
    )

    async def run(pool: OpenPool) -> None:
        assert await end_of(pool, operation, 7) == Outcome.OK

    using(driver, endpoint, run)
    assert ask(environment.admin, "SELECT id, n FROM contract WHERE id > 2 ORDER BY id") == [(7, 30), (8, 31)]


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize(
    ("second", "outcome"),
    [
        ("INSERT INTO contract VALUES (8, -1)", Outcome.CONSTRAINT),
        ("INSERT INTO contract VALUES (7, 1)", Outcome.CONSTRAINT),
        ("SELECT 1 / 0", Outcome.SQL_ERROR),
    ],
)
def test_a_failed_step_takes_the_whole_transaction_back(
    environment: Environment, endpoint: Endpoint, driver: str, second: str, outcome: Outcome
) -> None:
    async def run(pool: OpenPool) -> None:
        assert await end_of(pool, steps("INSERT INTO contract VALUES (7, 1)", second)) == outcome
        assert await end_of(pool, PLUS, 1) == Outcome.OK, "and leaves the connection usable"

    using(driver, endpoint, run)
    assert ask(environment.admin, "SELECT count(*) FROM contract") == [(2,)]


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize("driver", DRIVERS)
def test_a_step_without_the_row_it_promised_ends_without_rows(
    environment: Environment, endpoint: Endpoint, driver: str
) -> None:
    operation = steps("DELETE FROM contract WHERE id = 99 RETURNING id", "DELETE FROM contract", returns=("id",))

    async def run(pool: OpenPool) -> None:
        assert await end_of(pool, operation) == Outcome.NO_ROWS

    using(driver, endpoint, run)
    assert ask(environment.admin, "SELECT count(*) FROM contract") == [(2,)]


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_step_that_names_fewer_values_than_it_returns_is_the_scenarios_mistake(
    environment: Environment, driver: str
) -> None:
    async def run(pool: OpenPool) -> None:
        await end_of(pool, steps("SELECT 1, 2", returns=("one",)))

    with pytest.raises(ScenarioError, match="returns 2 columns, and its `returns` names one"):
        using(driver, environment.app, run)


@pytest.mark.parametrize("driver", DRIVERS)
def test_an_answer_without_rows_counts_only_where_rows_are_needed(endpoint: Endpoint, driver: str) -> None:
    empty = Operation(name="empty", sql="SELECT 1 WHERE false")

    async def run(pool: OpenPool) -> None:
        assert await end_of(pool, empty, needs_rows=True) == Outcome.NO_ROWS
        assert await end_of(pool, empty, needs_rows=False) == Outcome.OK

    using(driver, endpoint, run)


# Names


def test_an_unknown_driver_is_named_with_those_there_are() -> None:
    with pytest.raises(ScenarioError, match="'odbc', which no worker can run") as caught:
        find_driver("odbc")
    assert "asyncpg, asyncpg-queue, psycopg" in caught.value.remedy


def test_a_missing_library_is_named_with_its_install_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "psycopg_pool", None)
    monkeypatch.delitem(__import__("sys").modules, "bench.load.drivers.psycopg", raising=False)
    with pytest.raises(DriverMissing, match="needs the library 'psycopg_pool'") as caught:
        find_driver("psycopg")
    assert "pip install" in caught.value.remedy
