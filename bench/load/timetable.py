"""Calls at instants of the monotonic clock, to the microsecond.

asyncio's own timers are rounded to milliseconds (epoll's and libuv's resolution), which would add up to 1 ms to every
response time measured from its intended start. A timerfd has the kernel's resolution and wakes the same event loop.
"""

from __future__ import annotations

import asyncio
import ctypes
import heapq
import itertools
import os
import time
from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import Callable

_CLOCK_MONOTONIC = 1
_TFD_TIMER_ABSTIME = 1
_TFD_FLAGS = os.O_NONBLOCK | os.O_CLOEXEC
_SECOND_NS = 1_000_000_000


class Timetable(Protocol):
    """A clock and calls at its instants, so that tests can bring a virtual one."""

    def now(self) -> int:
        """Return the instant in ns."""
        ...

    def call_at(self, instant_ns: int, call: Callable[[int], None]) -> None:
        """Call ``call(instant_ns)`` at that instant, or as soon as possible after it."""
        ...


async def sleep_until(timetable: Timetable, instant_ns: int) -> None:
    """Wait for an instant; returns at once if it is past."""
    if instant_ns <= timetable.now():
        return
    woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def wake(_: int) -> None:
        if not woken.done():
            woken.set_result(None)

    timetable.call_at(instant_ns, wake)
    await woken


class _Timespec(ctypes.Structure):
    _fields_ = (("tv_sec", ctypes.c_long), ("tv_nsec", ctypes.c_long))


class _Itimerspec(ctypes.Structure):
    _fields_ = (("it_interval", _Timespec), ("it_value", _Timespec))


class TimerHeap:
    """A heap of calls over one Linux timerfd; an event loop calls ``_due`` whenever the descriptor is readable."""

    def __init__(self) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self._settime = libc.timerfd_settime
        self._fd: int = libc.timerfd_create(_CLOCK_MONOTONIC, _TFD_FLAGS)
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create failed")
        self._spec = _Itimerspec()
        self._reference = ctypes.byref(self._spec)
        self._heap: list[tuple[int, int, Callable[[int], None]]] = []
        self._order = itertools.count()
        self._armed_ns = 0
        self.now = time.monotonic_ns

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)

    def call_at(self, instant_ns: int, call: Callable[[int], None]) -> None:
        """Call ``call(instant_ns)`` at that instant, or as soon as possible after it."""
        heapq.heappush(self._heap, (instant_ns, next(self._order), call))
        if not self._armed_ns or instant_ns < self._armed_ns:
            self._arm(instant_ns)

    def _arm(self, instant_ns: int) -> None:
        self._armed_ns = instant_ns
        self._spec.it_value.tv_sec, self._spec.it_value.tv_nsec = divmod(max(instant_ns, 1), _SECOND_NS)
        self._settime(self._fd, _TFD_TIMER_ABSTIME, self._reference, None)

    def _due(self) -> None:
        try:
            os.read(self._fd, 8)
        except BlockingIOError:  # re-armed between the wake-up and this read
            return
        heap = self._heap
        self._armed_ns = 0
        now = self.now()
        while heap and heap[0][0] <= now:
            instant_ns, _, call = heapq.heappop(heap)
            call(instant_ns)
        if heap and (not self._armed_ns or heap[0][0] < self._armed_ns):
            self._arm(heap[0][0])


class TimerfdTimetable(TimerHeap):
    """A timetable read by the running asyncio loop."""

    def __init__(self) -> None:
        super().__init__()
        asyncio.get_running_loop().add_reader(self._fd, self._due)

    def __exit__(self, *_: object) -> None:
        asyncio.get_running_loop().remove_reader(self._fd)
        super().__exit__()
