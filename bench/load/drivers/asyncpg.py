"""asyncpg's own pool, used as an application uses it."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import asyncpg

from bench.load.drivers.outcomes import CONNECT_TIMEOUT_S, Refused, judge
from bench.load.drivers.steps import bind
from bench.model.ports import NoRowToBind, NotRefused
from bench.model.sample import Outcome

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Mapping

    from bench.model.endpoint import Endpoint
    from bench.model.ports import Arguments, Execute
    from bench.model.scenario import Operation, Pool

CONNECTS_AT_ONCE = 100
"""The library opens all connections of a pool at once; thousands that wait for one pooler would time out in a body."""
CLOSE_TIMEOUT_S = 2.0
"""How long connections in use are waited for before they are cut off."""

OUTCOMES: tuple[tuple[type[BaseException], Outcome], ...] = (
    (NoRowToBind, Outcome.NO_ROWS),
    (NotRefused, Outcome.NOT_REFUSED),
    (Refused, Outcome.REFUSED),
    (asyncpg.OutdatedSchemaCacheError, Outcome.SQL_ERROR),
    (asyncpg.InterfaceError, Outcome.SQL_ERROR),
    (asyncpg.InternalClientError, Outcome.CONNECTION_LOST),
    (TimeoutError, Outcome.POOL_TIMEOUT),
    (OSError, Outcome.CONNECTION_LOST),
)
"""What the server did not say: first match wins. Errors of the server are judged by their SQLSTATE."""


def classify(error: BaseException) -> Outcome | None:
    """Return how an operation ended that raised ``error``; None for what asyncpg is not known to raise."""
    if isinstance(error, asyncpg.PostgresError):
        return judge(error.sqlstate or "XX000", str(error))
    if isinstance(error, asyncpg.InterfaceError) and "clos" in str(error):  # "connection is closed", "pool is closing"
        return Outcome.CONNECTION_LOST
    return next((outcome for kind, outcome in OUTCOMES if isinstance(error, kind)), None)


def address(endpoint: Endpoint) -> dict[str, Any]:
    """Return what asyncpg calls the parts of an address; TLS files it takes from a connection string alone."""
    query = urlencode(dict(endpoint.tls), quote_via=quote)
    known = {
        "dsn": f"postgresql://?{query}" if query else None,
        "host": endpoint.host,
        "port": endpoint.port,
        "database": endpoint.dbname,
        "user": endpoint.user,
        "password": endpoint.password,
    }
    return {**known, "server_settings": dict(endpoint.session)} if endpoint.session else known


async def connect(*args: Any, **settings: Any) -> Any:
    """Open a connection, as ``asyncpg.connect`` does; whatever prevents it is raised as ``Refused``."""
    try:
        return await asyncpg.connect(*args, **settings, timeout=CONNECT_TIMEOUT_S)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError) as error:
        raise Refused(str(error) or f"no connection within {CONNECT_TIMEOUT_S:g} s") from error


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
        names = operation.argument_names
        steps = [(step.sql, step.args, step.returns) for step in operation.steps]

        async def execute_steps(connection: Any, arguments: Arguments) -> int:
            values = dict(zip(names, arguments, strict=True))
            rows: list[Any] = []
            async with connection.transaction():
                for sql, args, returns in steps:
                    rows = await connection.fetch(sql, *[values[name] for name in args])
                    if returns:
                        bind(values, returns, rows)
            return len(rows)

        return execute_steps

    def classify(self, error: BaseException) -> Outcome | None:
        """Map an exception to an outcome."""
        return classify(error)

    def opened(self) -> int:
        """Count connections opened since the pool was created."""
        return self._opened[0]


class AsyncpgDriver:
    """Opens ``asyncpg`` pools."""

    @contextlib.asynccontextmanager
    async def open_pool(self, endpoint: Endpoint, spec: Pool, size: int) -> AsyncIterator[AsyncpgPool]:
        """Open a pool; with ``prewarm`` all connections exist before the first operation."""
        opened = [0]

        doors = asyncio.Semaphore(CONNECTS_AT_ONCE)

        async def counted(*args: Any, **settings: Any) -> Any:
            async with doors:
                connection = await connect(*args, **settings)
            opened[0] += 1
            return connection

        minimum = size if spec.prewarm else min(spec.min_size or 0, size)
        pool = asyncpg.create_pool(
            **address(endpoint),
            min_size=minimum,
            max_size=size,
            max_queries=spec.max_queries,
            max_inactive_connection_lifetime=spec.max_inactive.seconds,
            statement_cache_size=spec.statement_cache,
            connection_class=asyncpg.Connection if spec.reset == "default" else _NoResetConnection,
            connect=counted,
        )
        await pool
        try:
            yield AsyncpgPool(pool, opened, spec.acquire_timeout.seconds if spec.acquire_timeout else None)
            with contextlib.suppress(TimeoutError):  # an operation cut off at the end never gave its connection back
                async with asyncio.timeout(CLOSE_TIMEOUT_S):
                    await pool.close()
        finally:
            pool.terminate()

    def versions(self) -> Mapping[str, str]:
        """Name the library and its version."""
        return {"asyncpg": asyncpg.__version__}
