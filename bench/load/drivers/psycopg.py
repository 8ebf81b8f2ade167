"""psycopg 3 with psycopg_pool, used as an application uses it. The raw cursor takes ``$1`` as PostgreSQL writes it."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, Self

import psycopg
import psycopg_pool

from bench.load.drivers.outcomes import CONNECT_TIMEOUT_S, Refused, judge
from bench.load.drivers.steps import bind
from bench.model.ports import NoRowToBind, NotRefused
from bench.model.sample import Outcome

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Mapping

    from bench.model.endpoint import Endpoint
    from bench.model.ports import Arguments, Execute
    from bench.model.scenario import Operation, Pool

PREPARE_THRESHOLD = 5
"""psycopg's default: it prepares a statement once it has run more often than this on a connection."""

CLOSE_TIMEOUT_S = 2.0
"""How long the pool's own tasks are waited for when it closes."""

OUTCOMES: tuple[tuple[type[BaseException], Outcome], ...] = (
    (NoRowToBind, Outcome.NO_ROWS),
    (NotRefused, Outcome.NOT_REFUSED),
    (Refused, Outcome.REFUSED),
    (psycopg_pool.PoolTimeout, Outcome.POOL_TIMEOUT),
    (psycopg_pool.TooManyRequests, Outcome.POOL_TIMEOUT),
    (psycopg.OperationalError, Outcome.CONNECTION_LOST),
    (psycopg.InterfaceError, Outcome.CONNECTION_LOST),
    (psycopg.Error, Outcome.SQL_ERROR),
    (OSError, Outcome.CONNECTION_LOST),
)
"""What the server did not say: first match wins. Errors of the server are judged by their SQLSTATE."""


def classify(error: BaseException) -> Outcome | None:
    """Return how an operation ended that raised ``error``; None for what psycopg is not known to raise."""
    if isinstance(error, psycopg.Error) and error.sqlstate is not None:
        return judge(error.sqlstate, str(error))
    return next((outcome for kind, outcome in OUTCOMES if isinstance(error, kind)), None)


class Connects:
    """The pool's attempts to connect. Its workers make them, and keep what went wrong to themselves."""

    def __init__(self) -> None:
        self.opened = 0
        self.refusal: Refused | None = None
        """Why the last attempt failed; None once one has succeeded."""
        self.refused = asyncio.Event()

    def connection_class(self, prepared_max: int) -> type[psycopg.AsyncConnection[Any]]:
        """Return psycopg's connection, which reports here how its connecting ended."""
        connects = self

        class Counted(psycopg.AsyncConnection[Any]):
            @classmethod
            async def connect(cls, *args: Any, **settings: Any) -> Self:
                try:
                    connection = await super().connect(*args, **settings)
                except (psycopg.Error, OSError) as error:
                    connects.refusal = Refused(str(error))
                    connects.refused.set()
                    raise
                connects.opened += 1
                connects.refusal = None
                connection.prepared_max = prepared_max
                return connection

        return Counted


class PsycopgPool:
    """An open ``psycopg_pool.AsyncConnectionPool``."""

    def __init__(self, pool: psycopg_pool.AsyncConnectionPool[Any], connects: Connects) -> None:
        self._pool = pool
        self._connects = connects
        self.release = pool.putconn

    def acquire(self) -> Awaitable[Any]:
        """Check a connection out; the pool's own timeout applies."""
        return self._pool.getconn()

    def compile(self, operation: Operation) -> Execute:
        """Run a single statement in autocommit (or as the pool declares) and several in one transaction."""
        if not operation.is_transaction:
            sql = operation.steps[0].sql.encode()

            async def execute(connection: Any, arguments: Arguments) -> int:
                cursor = await connection.execute(sql, arguments)
                count = len(await cursor.fetchall()) if cursor.description else 0
                if not connection.autocommit:
                    await connection.commit()
                return count

            return execute
        names = operation.argument_names
        steps = [(step.sql.encode(), step.args, step.returns) for step in operation.steps]

        async def execute_steps(connection: Any, arguments: Arguments) -> int:
            values = dict(zip(names, arguments, strict=True))
            rows: list[Any] = []
            async with connection.transaction():
                for sql, args, returns in steps:
                    cursor = await connection.execute(sql, [values[name] for name in args])
                    rows = await cursor.fetchall() if cursor.description else []
                    if returns:
                        bind(values, returns, rows)
            return len(rows)

        return execute_steps

    def classify(self, error: BaseException) -> Outcome | None:
        """Map an exception to an outcome. A pool that can open no connection says only that time ran out."""
        if isinstance(error, psycopg_pool.PoolTimeout) and self._connects.refusal is not None:
            return Outcome.REFUSED
        return classify(error)

    def opened(self) -> int:
        """Count connections opened since the pool was created."""
        return self._connects.opened


async def _fill(pool: psycopg_pool.AsyncConnectionPool[Any], connects: Connects) -> None:
    """Wait until all connections are open; the first that is refused ends it, with the reason the pool would hide."""
    full = asyncio.create_task(pool.wait(CONNECT_TIMEOUT_S))
    refused = asyncio.create_task(connects.refused.wait())
    await asyncio.wait({full, refused}, return_when=asyncio.FIRST_COMPLETED)
    if full.done():
        refused.cancel()
        full.result()
        return
    full.cancel()
    await asyncio.gather(full, return_exceptions=True)
    raise connects.refusal or Refused("the pool could not be filled")


class PsycopgDriver:
    """Opens ``psycopg_pool`` pools."""

    @contextlib.asynccontextmanager
    async def open_pool(self, endpoint: Endpoint, spec: Pool, size: int) -> AsyncIterator[PsycopgPool]:
        """Open a pool; with ``prewarm`` all connections exist before the first operation."""
        connects = Connects()
        pool: psycopg_pool.AsyncConnectionPool[Any] = psycopg_pool.AsyncConnectionPool(
            connection_class=connects.connection_class(spec.statement_cache),
            kwargs={
                **endpoint.libpq(),
                "autocommit": spec.autocommit,
                "prepare_threshold": PREPARE_THRESHOLD if spec.statement_cache else None,
                "cursor_factory": psycopg.AsyncRawCursor,
            },
            min_size=size if spec.prewarm else min(spec.min_size or 0, size),
            max_size=size,
            timeout=spec.acquire_timeout.seconds if spec.acquire_timeout else 30.0,
            max_idle=spec.max_inactive.seconds,
            open=False,
        )
        await pool.open()
        try:
            if spec.prewarm:
                await _fill(pool, connects)
            yield PsycopgPool(pool, connects)
        finally:
            await pool.close(timeout=CLOSE_TIMEOUT_S)

    def versions(self) -> Mapping[str, str]:
        """Name the libraries and their versions."""
        return {
            "psycopg": psycopg.__version__,
            "psycopg_pool": psycopg_pool.__version__,
            "libpq": str(psycopg.pq.version()),
        }
