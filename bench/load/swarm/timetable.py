"""The timetable under gevent, whose own timers share epoll's resolution of a millisecond."""

from __future__ import annotations

from typing import TYPE_CHECKING

import gevent
from gevent.hub import Waiter

from bench.load.timetable import TimerHeap

if TYPE_CHECKING:
    from bench.load.timetable import Timetable

_READABLE = 1


class GreenTimetable(TimerHeap):
    """A timetable read by gevent's hub. What it calls must not block."""

    def __init__(self) -> None:
        super().__init__()
        self._watcher = gevent.get_hub().loop.io(self._fd, _READABLE)
        self._watcher.start(self._due)

    def __exit__(self, *_: object) -> None:
        self._watcher.stop()
        self._watcher.close()
        super().__exit__()


def sleep_until(timetable: Timetable, instant_ns: int) -> None:
    """Block this greenlet until an instant; returns at once if it is past."""
    if instant_ns > timetable.now():
        waiter = Waiter()
        timetable.call_at(instant_ns, waiter.switch)
        waiter.get()
