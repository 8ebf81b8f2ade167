"""asyncpg's own pool, used as an application uses it."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import asyncpg

from bench.model.ports import NoRowToBind
from bench.model.sample import Outcome

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Mapping

    from bench.model.endpoint import Endpoint
    from bench.model.ports import Arguments, Execute
    from bench.model.scenario import Operation, Pool

CONNECT_TIMEOUT_S = 15.0

OUTCOMES: tuple[tuple[type[BaseException], Outcome], ...] = (
    (NoRowToBind, Outcome.NO_ROWS),
    (asyncpg.SerializationError, Outcome.SERIALIZATION),
    (asyncpg.DeadlockDetectedError, Outcome.DEADLOCK),
    (asyncpg.QueryCanceledError, Outcome.QUERY_TIMEOUT),
    (asyncpg.IntegrityConstraintViolationError, Outcome.CONSTRAINT),
    (asyncpg.TooManyConnectionsError, Outcome.REFUSED),
    (asyncpg.CannotConnectNowError, Outcome.REFUSED),
    (asyncpg.InvalidAuthorizationSpecificationError, Outcome.REFUSED),
    (asyncpg.PostgresConnectionError, Outcome.CONNECTION_LOST),
    (asyncpg.OperatorInterventionError, Outcome.CONNECTION_LOST),
    (asyncpg.ProtocolViolationError, Outcome.CONNECTION_LOST),
    (asyncpg.PostgresError, Outcome.SQL_ERROR),
    (asyncpg.InterfaceError, Outcome.CONNECTION_LOST),
    (asyncpg.InternalClientError, Outcome.CONNECTION_LOST),
    (TimeoutError, Outcome.POOL_TIMEOUT),
    (OSError, Outcome.CONNECTION_LOST),
)
"""First match wins. ``ProtocolViolationError`` is what pgBouncer's own errors arrive as (SQLSTATE 08P01)."""


class _NoResetConnection(asyncpg.Connection):  # type: ignore[misc]  # asyncpg has no types
    """Suppresses the reset query on release; everything else stays the library's."""

    def get_reset_query(self) -> str:
        return ""


class AsyncpgPool:
    """An open ``asyncpg.Pool``. ``acquire`` and ``release`` are the library's methods themselves."""

    def __init__(self, pool: Any, opened: list[int], acquire_timeout_s: float | None) -> None:
        self._pool = pool
        self._opened = opened
        self._acquire_timeout_s = acquire_timeout_s
        self.release = pool.release

    def acquire(self) -> Awaitable[Any]:
        """Check a connection out, with the scenario's timeout where it sets one."""
        return self._pool.acquire(timeout=self._acquire_timeout_s)  # type: ignore[no-any-return]  # asyncpg has no types

    def compile(self, operation: Operation) -> Execute:
        """Run a single statement by itself and several in one transaction."""
        if not operation.is_transaction:
            sql = operation.steps[0].sql

            async def execute(connection: Any, arguments: Arguments) -> int:
                return len(await connection.fetch(sql, *arguments))

            return execute
        names, steps = operation.argument_names, operation.steps

        async def execute_steps(connection: Any, arguments: Arguments) -> int:
            values = dict(zip(names, arguments, strict=True))
            rows: list[Any] = []
            async with connection.transaction():
                for step in steps:
                    rows = await connection.fetch(step.sql, *[values[name] for name in step.args])
                    if step.returns:
                        if not rows:
                            raise NoRowToBind(step.returns)
                        values.update(zip(step.returns, rows[0], strict=True))
            return len(rows)

        return execute_steps

    def classify(self, error: BaseException) -> Outcome | None:
        """Map an exception by the table above."""
        return next((outcome for kind, outcome in OUTCOMES if isinstance(error, kind)), None)

    def opened(self) -> int:
        """Count connections opened since the pool was created."""
        return self._opened[0]


class AsyncpgDriver:
    """Opens ``asyncpg`` pools."""

    @contextlib.asynccontextmanager
    async def open_pool(self, endpoint: Endpoint, spec: Pool, size: int) -> AsyncIterator[AsyncpgPool]:
        """Open a pool; with ``prewarm`` all connections exist before the first operation."""
        opened = [0]

        async def count(_: Any) -> None:
            opened[0] += 1

        minimum = size if spec.prewarm else min(spec.min_size or 0, size)
        pool = await asyncpg.create_pool(
            host=endpoint.host,
            port=endpoint.port,
            database=endpoint.dbname,
            user=endpoint.user,
            password=endpoint.password,
            min_size=minimum,
            max_size=size,
            max_queries=spec.max_queries,
            max_inactive_connection_lifetime=spec.max_inactive.seconds,
            statement_cache_size=spec.statement_cache,
            connection_class=asyncpg.Connection if spec.reset == "default" else _NoResetConnection,
            init=count,
            timeout=CONNECT_TIMEOUT_S,
        )
        try:
            yield AsyncpgPool(pool, opened, spec.acquire_timeout.seconds if spec.acquire_timeout else None)
        finally:
            try:
                async with asyncio.timeout(5):
                    await pool.close()
            except TimeoutError:
                pool.terminate()

    def versions(self) -> Mapping[str, str]:
        """Name the library and its version."""
        return {"asyncpg": asyncpg.__version__}
