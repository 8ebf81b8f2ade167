"""What a driver must offer to be measured. Each adapter imports one foreign library; nothing above it does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractAsyncContextManager

    from bench.model.endpoint import Endpoint
    from bench.model.sample import Outcome
    from bench.model.scenario import Operation, Pool

Arguments = tuple[Any, ...]
Execute = Callable[[Any, Arguments], Awaitable[int]]
"""Run one operation on a connection with arguments drawn ahead; gives the number of rows of its last statement."""


class OpenPool(Protocol):
    """A pool that is open. Connections are the library's own objects, so that the hot path has no layer of ours."""

    def acquire(self) -> Awaitable[Any]:
        """Check a connection out; waits while all are in use."""
        ...

    def release(self, connection: Any) -> Awaitable[None]:
        """Give a connection back, with whatever the library does then."""
        ...

    def compile(self, operation: Operation) -> Execute:
        """Turn an operation into the coroutine function that runs it."""
        ...

    def classify(self, error: BaseException) -> Outcome | None:
        """Map a foreign exception to an outcome, or None for one that is a bug of ours."""
        ...

    def opened(self) -> int:
        """Count the connections opened so far, so that recycling during a window is seen."""
        ...


class Driver(Protocol):
    """Opens pools with one library."""

    def open_pool(self, endpoint: Endpoint, spec: Pool, size: int) -> AbstractAsyncContextManager[OpenPool]:
        """Open a pool of ``size`` connections, all of them connected where ``spec.prewarm`` says so."""
        ...

    def versions(self) -> Mapping[str, str]:
        """Name the library and its version."""
        ...


class NotRefused(Exception):  # noqa: N818 - it names what happened
    """The database took what the scenario says it must refuse."""


class NoRowToBind(LookupError):  # noqa: N818 - it names what is missing
    """A step promised values to later steps and returned no row."""
