"""What a worker sees of itself: event-loop lag, garbage collection, CPU and memory."""

from __future__ import annotations

import gc
import resource
import time
from array import array
from typing import TYPE_CHECKING, Self

import numpy as np

if TYPE_CHECKING:
    from bench.load.timetable import Timetable

PERIOD_NS = 10_000_000
"""Ten milliseconds: one wake-up in a hundred operations at 10,000/s."""


class Probe:
    """Wakes every ``PERIOD_NS`` and notes how late it was, from ``start_ns`` until ``end_ns``."""

    def __init__(self, timetable: Timetable, start_ns: int, end_ns: int) -> None:
        self._timetable = timetable
        self._start_ns = start_ns
        self._end_ns = end_ns
        self._lags = array("q")
        self._gc_started_ns = 0
        self._gc_pauses_ns = array("q")
        self._cpu_start_s = self._cpu_end_s = 0.0
        timetable.call_at(start_ns, self._begin)

    def __enter__(self) -> Self:
        gc.callbacks.append(self._on_gc)
        return self

    def __exit__(self, *_: object) -> None:
        gc.callbacks.remove(self._on_gc)

    def _begin(self, instant_ns: int) -> None:
        self._cpu_start_s = time.process_time()
        self._tick(instant_ns)

    def _tick(self, instant_ns: int) -> None:
        now = self._timetable.now()
        self._lags.append(now - instant_ns)
        if now < self._end_ns:
            self._timetable.call_at(now + PERIOD_NS, self._tick)
        else:
            self._cpu_end_s = time.process_time()

    def _on_gc(self, phase: str, _: object) -> None:
        now = time.monotonic_ns()
        if phase == "start":
            self._gc_started_ns = now
        elif self._start_ns <= now < self._end_ns:
            self._gc_pauses_ns.append(now - self._gc_started_ns)

    def cpu_s(self) -> float:
        """CPU seconds of this process between the first and the last wake-up."""
        return max(0.0, (self._cpu_end_s or time.process_time()) - self._cpu_start_s)

    def lag_ns(self, quantile: float) -> int:
        """Return a quantile of the lag in ns; 0 where the window was too short for a single wake-up."""
        return (
            int(np.quantile(np.frombuffer(self._lags, dtype=np.int64), quantile, method="higher")) if self._lags else 0
        )

    @property
    def gc_pauses(self) -> tuple[int, int]:
        """Number and total ns of collections inside the window."""
        return len(self._gc_pauses_ns), sum(self._gc_pauses_ns)

    @staticmethod
    def rss_bytes() -> int:
        """Peak resident memory of this process."""
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
