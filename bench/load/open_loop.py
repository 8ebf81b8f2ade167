"""Open loop: operations start when the arrival process says so, whatever the answers do."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from bench.model.sample import MISSING_NS, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from bench.load.timetable import Timetable


class OpenArrivals:
    """Starts one operation at each intended instant, at most ``max_in_flight`` at once.

    What finds no free place waits, and its response time goes on counting from its intended start. What could not be
    sent before ``end_ns`` is recorded as not sent: it never leaves the books.
    """

    def __init__(
        self,
        perform: Callable[[int], Coroutine[None, None, None]],
        timetable: Timetable,
        record: Callable[[tuple[int, ...]], None],
        max_in_flight: int,
        end_ns: int,
    ) -> None:
        self._perform = perform
        self._timetable = timetable
        self._record = record
        self._max_in_flight = max_in_flight
        self._end_ns = end_ns
        self._loop = asyncio.get_running_loop()
        self._finished: asyncio.Future[None] = self._loop.create_future()
        self._running: set[asyncio.Task[None]] = set()
        self._backlog: deque[int] = deque()
        self._starts_ns: Sequence[int] = ()
        self._position = 0

    async def run(self, starts_ns: Sequence[int]) -> None:
        """Run the arrivals ``starts_ns`` (sorted, on the timetable's clock) to their end."""
        if not starts_ns:
            return
        self._starts_ns = starts_ns
        self._timetable.call_at(starts_ns[0], self._arrive)
        try:
            await self._finished
        finally:
            running = tuple(self._running)
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
            for intended in (*self._backlog, *starts_ns[self._position :]):
                self._record((intended, *[MISSING_NS] * 4, 0, int(Outcome.NOT_SENT)))

    def _arrive(self, _: int) -> None:
        starts, now = self._starts_ns, self._timetable.now()
        while self._position < len(starts) and starts[self._position] <= now:
            if len(self._running) < self._max_in_flight:
                self._spawn(starts[self._position])
            else:
                self._backlog.append(starts[self._position])
            self._position += 1
        if self._position < len(starts):
            self._timetable.call_at(starts[self._position], self._arrive)
        self._settle()

    def _spawn(self, intended_ns: int) -> None:
        task = self._loop.create_task(self._perform(intended_ns))
        self._running.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None and not self._finished.done():
            self._finished.set_exception(error)
        if self._backlog and self._timetable.now() < self._end_ns:
            self._spawn(self._backlog.popleft())
        self._settle()

    def _settle(self) -> None:
        """Finish when everything has arrived and nothing runs; a backlog that is out of time no longer counts."""
        waiting = self._backlog and self._timetable.now() < self._end_ns
        if self._position == len(self._starts_ns) and not self._running and not waiting and not self._finished.done():
            self._finished.set_result(None)
