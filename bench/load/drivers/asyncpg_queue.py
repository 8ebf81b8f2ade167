"""asyncpg connections in a plain queue: what a pool costs when all it does is hand out connections.

No reset on release, no lifetimes, no recycling, and a connection that was lost is not replaced: an application that
needs those has to use the library's pool. Beside the ``asyncpg`` driver it shows how much of an operation's CPU is the
pool library's own upkeep: its release alone starts a task to shield the reset.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import TYPE_CHECKING, Any

import asyncpg

from bench.load.drivers.asyncpg import AsyncpgPool, address, connect
from bench.model.errors import ScenarioError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from bench.model.endpoint import Endpoint
    from bench.model.scenario import Pool


class ConnectionQueue(AsyncpgPool):
    """The same statements and error table as the ``asyncpg`` driver over a queue.

    A released connection goes straight to whoever has waited longest. asyncio's own queues would let the client that
    gives a connection back take it again at once, so that some clients run and the others starve.
    """

    def __init__(self, connections: list[Any], acquire_timeout_s: float | None) -> None:
        self._free = deque(connections)
        self._waiting: deque[asyncio.Future[Any]] = deque()
        self._count = len(connections)
        self._acquire_timeout_s = acquire_timeout_s

    async def acquire(self) -> Any:
        """Take the connection that has been idle longest, so that all take turns; waits in line while there is none."""
        if self._free:
            return self._free.popleft()
        turn: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(self._acquire_timeout_s):
                return await turn
        except BaseException:
            if turn.done() and not turn.cancelled():  # handed over in the very moment we gave up
                await self.release(turn.result())
            raise

    async def release(self, connection: Any) -> None:
        """Hand the connection to the first in line, or keep it."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(connection)
                return
        self._free.append(connection)

    def opened(self) -> int:
        """Count connections opened; none is ever replaced."""
        return self._count


class AsyncpgQueueDriver:
    """Opens asyncpg connections and keeps them in a queue."""

    @contextlib.asynccontextmanager
    async def open_pool(self, endpoint: Endpoint, spec: Pool, size: int) -> AsyncIterator[ConnectionQueue]:
        """Open all connections at once: a queue has nothing to open them later with."""
        if not spec.prewarm:
            raise ScenarioError(
                "the `asyncpg-queue` driver opens all its connections before the load",
                remedy="Leave `pool.prewarm` on, or use another driver for a cold start.",
            )
        connections: list[Any] = []
        try:
            for _ in range(size):
                connections.append(  # noqa: PERF401 - what is open must be known when the next one fails
                    await connect(**address(endpoint), statement_cache_size=spec.statement_cache)
                )
            yield ConnectionQueue(connections, spec.acquire_timeout.seconds if spec.acquire_timeout else None)
        finally:
            for connection in connections:
                connection.terminate()

    def versions(self) -> Mapping[str, str]:
        """Name the library and its version."""
        return {"asyncpg": asyncpg.__version__}
