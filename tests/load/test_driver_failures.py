"""How operations end that fail, by what really made them fail: the same for every driver."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec
import psycopg
import pytest

from bench.environment.pooler_ini import PoolerSettings
from bench.load.drivers.outcomes import Refused
from bench.model.sample import Outcome
from bench.model.scenario import Operation
from bench.model.units import Duration
from tests.load.pools import (
    DRIVERS,
    GATE,
    PLUS,
    POOLS,
    THROUGH_THE_GATE,
    ask,
    closed_gate,
    end_of,
    in_time,
    show,
    steps,
    using,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.environment.embedded import Environment
    from bench.model.endpoint import Endpoint
    from bench.model.ports import OpenPool

pytestmark = pytest.mark.pg


# Errors of the server


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize(
    ("setting", "statement"),
    [("statement_timeout", "SELECT pg_sleep(30)"), ("lock_timeout", "LOCK contract IN ACCESS EXCLUSIVE MODE")],
)
def test_a_statement_out_of_time_is_a_query_timeout(
    environment: Environment, endpoint: Endpoint, driver: str, setting: str, statement: str
) -> None:
    async def run(pool: OpenPool) -> None:
        operation = steps(f"SELECT set_config('{setting}', '50ms', true)", statement)
        assert await end_of(pool, operation) == Outcome.QUERY_TIMEOUT

    with psycopg.connect(environment.admin.dsn()) as holder:
        holder.execute("LOCK contract IN ACCESS SHARE MODE")
        using(driver, endpoint, run)


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize("driver", DRIVERS)
def test_transactions_that_wait_for_each_other_end_one_of_them_as_deadlock(
    environment: Environment, endpoint: Endpoint, driver: str
) -> None:
    def update(first: int, second: int) -> Operation:
        change = "UPDATE contract SET n = n + 1 WHERE id = {}"
        return steps(change.format(first), THROUGH_THE_GATE, change.format(second))

    with closed_gate(environment) as open_gate:

        async def run(pool: OpenPool) -> list[Outcome]:
            ends = await asyncio.gather(
                end_of(pool, update(1, 2)), end_of(pool, update(2, 1)), open_gate(2), return_exceptions=True
            )
            return sorted(end for end in ends if isinstance(end, Outcome))

        assert using(driver, endpoint, run, size=2) == [Outcome.OK, Outcome.DEADLOCK]


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize("driver", DRIVERS)
def test_transactions_that_cannot_be_put_in_an_order_end_one_of_them_as_serialization(
    environment: Environment, endpoint: Endpoint, driver: str
) -> None:
    operation = steps(
        "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ",
        "SELECT n FROM contract WHERE id = 1",
        THROUGH_THE_GATE,
        "UPDATE contract SET n = n + 1 WHERE id = 1",
    )
    with closed_gate(environment) as open_gate:

        async def run(pool: OpenPool) -> list[Outcome]:
            ends = await asyncio.gather(end_of(pool, operation), end_of(pool, operation), open_gate(2))
            return sorted(end for end in ends if end is not None)

        assert using(driver, endpoint, run, size=2) == [Outcome.OK, Outcome.SERIALIZATION]


# Connections that are refused or lost


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_connection_that_is_killed_at_work_is_lost_and_a_pool_replaces_it(
    environment: Environment, endpoint: Endpoint, driver: str
) -> None:
    at_work = "FROM pg_stat_activity WHERE usename = 'bench_app_login' AND query LIKE '%pg_sleep(60)%'"
    sleep = Operation(name="sleep", sql="SELECT pg_sleep(60)")

    async def kill() -> None:
        await in_time(lambda: ask(environment.admin, f"SELECT count(*) {at_work} AND state = 'active'") == [(1,)])
        ask(environment.admin, f"SELECT pg_terminate_backend(pid) {at_work}")

    async def run(pool: OpenPool) -> None:
        ends = await asyncio.gather(end_of(pool, sleep), kill())
        assert ends[0] == Outcome.CONNECTION_LOST
        if driver in POOLS:
            assert await end_of(pool, PLUS, 1) == Outcome.OK
            assert pool.opened() == 2
        else:
            assert await end_of(pool, PLUS, 1) == Outcome.CONNECTION_LOST, "a queue has nothing to replace it with"

    using(driver, endpoint, run)


@pytest.fixture
def full_server(environment: Environment) -> Iterator[None]:
    """A server that takes no more connections of the load's role."""
    environment.pooler.apply(PoolerSettings(pool_size=4), environment.pooled.dbname)
    ask(environment.admin, "ALTER ROLE bench_app_login CONNECTION LIMIT 0")
    yield
    ask(environment.admin, "ALTER ROLE bench_app_login CONNECTION LIMIT -1")
    environment.pooler.apply(PoolerSettings(pool_size=4), environment.pooled.dbname)


@pytest.mark.usefixtures("full_server")
@pytest.mark.parametrize("driver", POOLS)
def test_a_full_server_refuses(endpoint: Endpoint, driver: str) -> None:
    """The pool of psycopg only says that time ran out, and keeps the reason: so its workers are listened to."""

    async def run(pool: OpenPool) -> None:
        assert await end_of(pool, PLUS, 1) == Outcome.REFUSED

    using(driver, endpoint, run, prewarm=False, acquire_timeout=Duration(1_000_000_000))


@pytest.mark.usefixtures("full_server")
@pytest.mark.parametrize("driver", DRIVERS)
def test_a_pool_that_cannot_be_filled_says_why_at_once(environment: Environment, driver: str) -> None:
    async def nothing(_: OpenPool) -> None: ...

    with pytest.raises(Refused, match="too many connections for role"):
        using(driver, environment.app, nothing, size=2)


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize(
    ("change", "said"), [({"password": "x"}, "password authentication failed"), ({"port": 1}, "(?i)connect")]
)
def test_a_wrong_address_or_password_is_refused_at_once(
    environment: Environment, driver: str, change: dict[str, Any], said: str
) -> None:
    async def nothing(_: OpenPool) -> None: ...

    with pytest.raises(Refused, match=said) as caught:
        using(driver, msgspec.structs.replace(environment.app, **change), nothing, size=2)
    assert environment.app_password not in str(caught.value)


def console(environment: Environment, command: str) -> None:
    ask(environment.pooler.console, command)


@pytest.mark.parametrize("driver", POOLS)
def test_a_full_pooler_refuses(environment: Environment, driver: str) -> None:
    async def run(pool: OpenPool) -> None:
        assert await end_of(pool, PLUS, 1) == Outcome.REFUSED

    usual = next(row[1] for row in ask(environment.pooler.console, "SHOW CONFIG") if row[0] == "max_client_conn")
    console(environment, "SET max_client_conn = 0")
    try:
        using(driver, environment.pooled, run, prewarm=False, acquire_timeout=Duration(1_000_000_000))
    finally:
        console(environment, f"SET max_client_conn = {usual}")


@pytest.mark.parametrize("driver", DRIVERS)
def test_waiting_for_the_pooler_in_vain_is_a_pool_timeout(environment: Environment, driver: str) -> None:
    """query_wait_timeout: the pooler's pool is a pool too."""
    environment.pooler.apply(PoolerSettings(pool_size=1), environment.pooled.dbname)
    console(environment, "SET query_wait_timeout = 1")
    blocked = Operation(name="blocked", sql=f"SELECT pg_advisory_lock_shared({GATE})::text")
    try:
        with closed_gate(environment) as open_gate:

            async def run(pool: OpenPool) -> tuple[Outcome, Outcome]:
                first = asyncio.create_task(end_of(pool, blocked))
                await in_time(lambda: any(int(row["sv_active"]) for row in show(environment, "POOLS")))
                second = await end_of(pool, PLUS, 1)
                await open_gate(1)
                return await first, second

            assert using(driver, environment.pooled, run, size=2) == (Outcome.OK, Outcome.POOL_TIMEOUT)
    finally:
        console(environment, "SET query_wait_timeout = 120")
        environment.pooler.apply(PoolerSettings(pool_size=4), environment.pooled.dbname)


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_pooler_that_goes_away_loses_what_it_held_and_refuses_afterwards(
    environment: Environment, driver: str
) -> None:
    environment.pooler.apply(PoolerSettings(pool_size=4), environment.pooled.dbname)
    sleep = Operation(name="sleep", sql="SELECT pg_sleep(60)")

    async def go_away() -> None:
        await in_time(lambda: any(int(row["sv_active"]) for row in show(environment, "POOLS")))
        await asyncio.to_thread(environment.pooler.stop)

    async def run(pool: OpenPool) -> tuple[Outcome, Outcome]:
        first, _ = await asyncio.gather(end_of(pool, sleep), go_away())
        return first, await end_of(pool, PLUS, 1)

    try:
        ends = using(driver, environment.pooled, run, acquire_timeout=Duration(1_000_000_000))
    finally:
        if environment.pooler.process is None:
            environment.pooler.start(environment.postgres.port, detached=False)
    afterwards = Outcome.REFUSED if driver in POOLS else Outcome.CONNECTION_LOST
    assert ends == (Outcome.CONNECTION_LOST, afterwards)
