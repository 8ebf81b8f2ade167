"""psycopg_pool under gevent: one pool a process, shared by all its users, as an application on gevent has it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Self

import psycopg
import psycopg_pool

from bench.load.drivers.outcomes import CONNECT_TIMEOUT_S, Refused
from bench.load.drivers.psycopg import CLOSE_TIMEOUT_S, PREPARE_THRESHOLD, classify
from bench.load.drivers.steps import bind
from bench.model.sample import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bench.model.endpoint import Endpoint
    from bench.model.ports import Arguments
    from bench.model.scenario import Operation, Pool

    Act = Callable[[Any, Arguments], int]


class GreenPool:
    """An open ``psycopg_pool.ConnectionPool``."""

    def __init__(self, endpoint: Endpoint, spec: Pool, size: int) -> None:
        self._opened = 0
        self._refusal: Refused | None = None
        self._pool: psycopg_pool.ConnectionPool[Any] = psycopg_pool.ConnectionPool(
            connection_class=self._counted(spec.statement_cache),
            kwargs={
                **endpoint.libpq(),
                "autocommit": spec.autocommit,
                "prepare_threshold": PREPARE_THRESHOLD if spec.statement_cache else None,
                "cursor_factory": psycopg.RawCursor,
            },
            min_size=size if spec.prewarm else min(spec.min_size or 0, size),
            max_size=size,
            timeout=spec.acquire_timeout.seconds if spec.acquire_timeout else 30.0,
            max_idle=spec.max_inactive.seconds,
            open=False,
        )
        self.acquire = self._pool.getconn
        self.release = self._pool.putconn

    def _counted(self, prepared_max: int) -> type[psycopg.Connection[Any]]:
        """Return psycopg's connection, which tells this pool how its connecting ended."""
        pool = self

        class Counted(psycopg.Connection[Any]):
            @classmethod
            def connect(cls, *args: Any, **settings: Any) -> Self:
                try:
                    connection = super().connect(*args, **settings)
                except (psycopg.Error, OSError) as error:
                    pool._refusal = Refused(str(error))
                    raise
                pool._opened += 1
                pool._refusal = None
                connection.prepared_max = prepared_max
                return connection

        return Counted

    def fill(self, *, prewarm: bool) -> None:
        """Open the pool; with ``prewarm`` wait until all connections exist. Raises ``Refused`` with the reason."""
        self._pool.open()
        if not prewarm:
            return
        try:
            self._pool.wait(CONNECT_TIMEOUT_S)
        except psycopg_pool.PoolTimeout as error:
            raise self._refusal or Refused(str(error)) from None

    def close(self) -> None:
        """Close all connections."""
        self._pool.close(timeout=CLOSE_TIMEOUT_S)

    def opened(self) -> int:
        """Count connections opened since the pool was created."""
        return self._opened

    def classify(self, error: BaseException) -> Outcome | None:
        """Map an exception to an outcome. A pool that can open no connection says only that time ran out."""
        if isinstance(error, psycopg_pool.PoolTimeout) and self._refusal is not None:
            return Outcome.REFUSED
        return classify(error)

    def compile(self, operation: Operation) -> Act:
        """Run a single statement in autocommit (or as the pool declares) and several in one transaction."""
        if not operation.is_transaction:
            sql = operation.steps[0].sql.encode()

            def act(connection: Any, arguments: Arguments) -> int:
                cursor = connection.execute(sql, arguments)
                count = len(cursor.fetchall()) if cursor.description else 0
                if not connection.autocommit:
                    connection.commit()
                return count

            return act
        names = operation.argument_names
        steps = [(step.sql.encode(), step.args, step.returns) for step in operation.steps]

        def act_in_steps(connection: Any, arguments: Arguments) -> int:
            values = dict(zip(names, arguments, strict=True))
            rows: list[Any] = []
            with connection.transaction():
                for sql, args, returns in steps:
                    cursor = connection.execute(sql, [values[name] for name in args])
                    rows = cursor.fetchall() if cursor.description else []
                    if returns:
                        bind(values, returns, rows)
            return len(rows)

        return act_in_steps


@contextlib.contextmanager
def open_pool(endpoint: Endpoint, spec: Pool, size: int) -> Iterator[GreenPool]:
    """Open a pool of ``size`` connections; raises ``Refused``."""
    pool = GreenPool(endpoint, spec, size)
    try:
        pool.fill(prewarm=spec.prewarm)
        yield pool
    finally:
        pool.close()


def versions() -> dict[str, str]:
    """Name the libraries and their versions."""
    return {
        "psycopg": psycopg.__version__,
        "psycopg_pool": psycopg_pool.__version__,
        "libpq": str(psycopg.pq.version()),
    }
