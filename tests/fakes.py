"""A virtual clock and a pool with known service times: queues whose answers theory knows, at no cost in real time."""

from __future__ import annotations

import asyncio
import selectors
from typing import TYPE_CHECKING, Any, TypeVar

from bench.load.timetable import sleep_until
from bench.model.sample import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from bench.model.ports import Arguments, Execute
    from bench.model.scenario import Operation

T = TypeVar("T")


class _JumpingSelector(selectors.SelectSelector):
    """Never waits: a wait of t seconds moves the loop's clock by t."""

    def __init__(self) -> None:
        super().__init__()
        self.virtual_s = 0.0

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if not ready:
            if timeout is None:
                raise RuntimeError("the virtual loop waits for something that will never come")
            self.virtual_s += max(timeout, 0)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time passes only when everything waits."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.virtual_s


class VirtualTimetable:
    """A ``Timetable`` on the virtual loop, exact to the nanosecond."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._latest_ns = 0

    def now(self) -> int:
        self._latest_ns = max(self._latest_ns, round(self._loop.time() * 1e9))
        return self._latest_ns

    def call_at(self, instant_ns: int, call: Callable[[int], None]) -> None:
        def fire() -> None:
            self._latest_ns = max(self._latest_ns, instant_ns)
            call(instant_ns)

        self._loop.call_at(instant_ns / 1e9, fire)


def run_virtually(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on a fresh virtual loop."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(coroutine)


class FakePool:
    """``size`` connections handed out first come, first served; an operation takes what ``service_ns`` says."""

    def __init__(self, timetable: VirtualTimetable, size: int, service_ns: Callable[[], int]) -> None:
        self._timetable = timetable
        self._free = asyncio.Semaphore(size)
        self._service_ns = service_ns
        self.fail_with: Exception | None = None
        self.in_use = 0
        self.most_in_use = 0

    async def acquire(self) -> object:
        await self._free.acquire()
        self.in_use += 1
        self.most_in_use = max(self.most_in_use, self.in_use)
        return self

    async def release(self, _: object) -> None:
        self.in_use -= 1
        self._free.release()

    def compile(self, _: Operation) -> Execute:
        async def execute(_connection: Any, _arguments: Arguments) -> int:
            await sleep_until(self._timetable, self._timetable.now() + self._service_ns())
            if self.fail_with is not None:
                raise self.fail_with
            return 1

        return execute

    def classify(self, error: BaseException) -> Outcome | None:
        return Outcome.SQL_ERROR if isinstance(error, LookupError) else None

    def opened(self) -> int:
        return 0


class Clock:
    """A clock that somebody sets."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now
