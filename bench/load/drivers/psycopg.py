"""psycopg 3 with psycopg_pool, used as an application uses it. The raw cursor takes ``$1`` as PostgreSQL writes it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import psycopg
import psycopg_pool

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
    (psycopg_pool.PoolTimeout, Outcome.POOL_TIMEOUT),
    (psycopg_pool.TooManyRequests, Outcome.POOL_TIMEOUT),
    (psycopg_pool.PoolClosed, Outcome.CONNECTION_LOST),
    (psycopg.errors.SerializationFailure, Outcome.SERIALIZATION),
    (psycopg.errors.DeadlockDetected, Outcome.DEADLOCK),
    (psycopg.errors.QueryCanceled, Outcome.QUERY_TIMEOUT),
    (psycopg.errors.TooManyConnections, Outcome.REFUSED),
    (psycopg.errors.CannotConnectNow, Outcome.REFUSED),
    (psycopg.IntegrityError, Outcome.CONSTRAINT),
    (psycopg.errors.ProtocolViolation, Outcome.CONNECTION_LOST),
    (psycopg.OperationalError, Outcome.CONNECTION_LOST),
    (psycopg.InterfaceError, Outcome.CONNECTION_LOST),
    (psycopg.Error, Outcome.SQL_ERROR),
    (OSError, Outcome.CONNECTION_LOST),
)
"""First match wins."""


class PsycopgPool:
    """An open ``psycopg_pool.AsyncConnectionPool``."""

    def __init__(self, pool: psycopg_pool.AsyncConnectionPool[Any], opened: list[int]) -> None:
        self._pool = pool
        self._opened = opened
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
                        if not rows:
                            raise NoRowToBind(returns)
                        values.update(zip(returns, rows[0], strict=True))
            return len(rows)

        return execute_steps

    def classify(self, error: BaseException) -> Outcome | None:
        """Map an exception by the table above."""
        return next((outcome for kind, outcome in OUTCOMES if isinstance(error, kind)), None)

    def opened(self) -> int:
        """Count connections opened since the pool was created."""
        return self._opened[0]


class PsycopgDriver:
    """Opens ``psycopg_pool`` pools."""

    @contextlib.asynccontextmanager
    async def open_pool(self, endpoint: Endpoint, spec: Pool, size: int) -> AsyncIterator[PsycopgPool]:
        """Open a pool; with ``prewarm`` all connections exist before the first operation."""
        opened = [0]

        async def count(_: Any) -> None:
            opened[0] += 1

        pool: psycopg_pool.AsyncConnectionPool[Any] = psycopg_pool.AsyncConnectionPool(
            kwargs={
                "host": endpoint.host,
                "port": endpoint.port,
                "dbname": endpoint.dbname,
                "user": endpoint.user,
                "password": endpoint.password,
                "autocommit": spec.autocommit,
                "prepare_threshold": 5 if spec.statement_cache else None,
                "cursor_factory": psycopg.AsyncRawCursor,
            },
            min_size=size if spec.prewarm else min(spec.min_size or 0, size),
            max_size=size,
            timeout=spec.acquire_timeout.seconds if spec.acquire_timeout else 30.0,
            max_idle=spec.max_inactive.seconds,
            configure=count,
            open=False,
        )
        await pool.open(wait=spec.prewarm, timeout=CONNECT_TIMEOUT_S)
        try:
            yield PsycopgPool(pool, opened)
        finally:
            await pool.close(timeout=5)

    def versions(self) -> Mapping[str, str]:
        """Name the libraries and their versions."""
        return {
            "psycopg": psycopg.__version__,
            "psycopg_pool": psycopg_pool.__version__,
            "libpq": str(psycopg.pq.version()),
        }
