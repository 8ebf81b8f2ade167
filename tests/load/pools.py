"""Pools opened in the test's own process, a relay that counts round trips, and the counters to hold them against."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from typing import TYPE_CHECKING, Any

import msgspec
import psycopg
from psycopg.rows import dict_row

from bench.load.drivers import find_driver
from bench.load.performer import build_performer
from bench.load.recorder import Recorder
from bench.model.parameters import Uniform
from bench.model.sample import Outcome
from bench.model.scenario import Operation, Pool, Step

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    from bench.environment.embedded import Environment
    from bench.model.endpoint import Endpoint
    from bench.model.ports import OpenPool

N = Uniform(name="n", low=1, high=1_000_000)
PLUS = Operation(name="plus", sql="SELECT $1::int + 1", parameters=(N,))
TWO_STEPS = Operation(
    name="two_steps",
    parameters=(N,),
    step=(
        Step(sql="SELECT $1::int AS a", args=("n",), returns=("a",)),
        Step(sql="SELECT $1::int", args=("a",)),
    ),
)
PATIENCE_S = 20.0
POOLS = ("asyncpg", "psycopg")
"""Drivers with a pool of their library's own."""
DRIVERS = (*POOLS, "asyncpg-queue")
GATE = 4242
"""An advisory lock that stands in the way of transactions until the test lets them go on together."""
THROUGH_THE_GATE = f"SELECT pg_advisory_xact_lock_shared({GATE})::text"


def steps(*statements: str, returns: tuple[str, ...] = ()) -> Operation:
    """Return a transaction of statements without arguments; the first one may return values."""
    first, *rest = statements
    return Operation(name="steps", step=(Step(sql=first, returns=returns), *(Step(sql=sql) for sql in rest)))


def using(
    driver: str, endpoint: Endpoint, work: Callable[[OpenPool], Awaitable[Any]], *, size: int = 1, **settings: Any
) -> Any:
    """Open a pool, hand it to ``work`` and return what that returns."""

    async def run() -> Any:
        spec = Pool(driver=driver, size=size, **settings)  # type: ignore[arg-type]  # a parameter of the test
        async with asyncio.timeout(60), find_driver(driver).open_pool(endpoint, spec, size) as pool:
            return await work(pool)

    return asyncio.run(run())


async def end_of(pool: OpenPool, operation: Operation, *arguments: Any, needs_rows: bool = False) -> Outcome:
    """Run an operation once, exactly as the load does, and return how it ended."""
    recorder = Recorder()
    perform = build_performer(
        now=time.monotonic_ns,
        pool=pool,
        mix=itertools.repeat(0),
        executes=[pool.compile(operation)],
        arguments=[itertools.repeat(arguments)],
        needs_rows=[needs_rows],
        record=recorder.record,
    )
    await perform(time.monotonic_ns())
    return Outcome(int(recorder.rows()[0, 6]))


def ask(endpoint: Endpoint, sql: str) -> list[tuple[Any, ...]]:
    """Run a statement on a connection of its own; return its rows."""
    with psycopg.connect(endpoint.dsn(), autocommit=True) as connection:
        cursor = connection.execute(sql.encode())
        return cursor.fetchall() if cursor.description else []


def rows_seen(environment: Environment, columns: str) -> list[tuple[Any, ...]]:
    """Return what the load wrote into the table of that name."""
    return ask(environment.admin, f"SELECT {columns} FROM seen ORDER BY id")  # noqa: S608 - the test's own


def show(environment: Environment, what: str) -> list[dict[str, Any]]:
    """Return the rows of a SHOW command for the load's database."""
    with psycopg.connect(environment.pooler.console.dsn(), autocommit=True, row_factory=dict_row) as connection:
        rows = connection.execute(f"SHOW {what}".encode()).fetchall()
    return [row for row in rows if row.get("database") == environment.pooled.dbname]


def totals(environment: Environment) -> dict[str, int]:
    """Return the ``total_*`` counters of SHOW STATS."""
    return {name: int(value) for row in show(environment, "STATS") for name, value in row.items() if "total_" in name}


def eventually(holds: Callable[[], bool]) -> None:
    """Wait until another process has done what it was told; fail if it never does."""
    deadline_s = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline_s, "it never happened"
        time.sleep(0.02)


async def in_time(holds: Callable[[], bool]) -> None:
    """Do the same beside a running load."""
    await asyncio.to_thread(eventually, holds)


@contextlib.contextmanager
def closed_gate(environment: Environment) -> Iterator[Any]:
    """Hold the gate; give a function that waits until so many stand before it, then lets them through."""
    waiting = f"SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = {GATE} AND NOT granted"  # noqa: S608
    with psycopg.connect(environment.admin.dsn(), autocommit=True) as keeper:
        keeper.execute(f"SELECT pg_advisory_lock({GATE})".encode())

        async def open_gate(count: int) -> None:
            await in_time(lambda: ask(environment.admin, waiting) == [(count,)])
            keeper.execute(f"SELECT pg_advisory_unlock({GATE})".encode())

        yield open_gate


class Relay:
    """Passes bytes on to a pooler and counts round trips: each time the client speaks after the server did."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._writers: list[asyncio.StreamWriter] = []
        self.round_trips = 0

    @contextlib.asynccontextmanager
    async def listen(self) -> AsyncIterator[Endpoint]:
        """Give the address to connect to instead."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        try:
            yield msgspec.structs.replace(self._endpoint, port=server.sockets[0].getsockname()[1])
        finally:
            server.close()
            for writer in self._writers:
                writer.close()
            await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream, to_server = await asyncio.open_connection(self._endpoint.host, self._endpoint.port)
        self._writers += [writer, to_server]
        spoke_last = "server"

        async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter, side: str) -> None:
            nonlocal spoke_last
            with contextlib.suppress(ConnectionError):
                while data := await source.read(65_536):
                    self.round_trips += side == "client" and spoke_last == "server"
                    spoke_last = side
                    sink.write(data)
            sink.close()

        await asyncio.gather(pump(reader, to_server, "client"), pump(upstream, writer, "server"))


async def cost(
    environment: Environment, driver: str, operation: Operation, settings: dict[str, Any], times: int = 20
) -> tuple[float, float, float]:
    """Return round trips on the wire, server assignments and pgBouncer's queries of one operation in the steady state.

    One connection, an operation at a time: the counts are exact.
    """
    relay = Relay(environment.pooled)
    spec = Pool(driver=driver, size=1, **settings)  # type: ignore[arg-type]  # a parameter of the test
    async with relay.listen() as endpoint, find_driver(driver).open_pool(endpoint, spec, 1) as pool:
        for _ in range(12):
            assert await end_of(pool, operation, 3) == Outcome.OK
        before, wire = await asyncio.to_thread(totals, environment), relay.round_trips
        for _ in range(times):
            await end_of(pool, operation, 3)
        after = await asyncio.to_thread(totals, environment)
        grown = [after[name] - before.get(name, 0) for name in ("total_server_assignment_count", "total_query_count")]
        return (relay.round_trips - wire) / times, grown[0] / times, grown[1] / times
