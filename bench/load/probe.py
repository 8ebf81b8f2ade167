"""What a worker sees of itself during the window: event-loop lag, garbage collection, CPU, memory, connections."""

from __future__ import annotations

import gc
import re
import time
from array import array
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np

from bench.model.errors import SetupError

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.load.timetable import Timetable

PERIOD_NS = 10_000_000
"""Ten milliseconds: one wake-up in a hundred operations at 10,000/s."""
_SCHEDSTAT = Path("/proc/self/schedstat")


@dataclass(frozen=True, slots=True)
class Reading:
    """Counters at one instant."""

    t_ns: int
    cpu_s: float
    opened: int
    queued_s: float | None
    """Time in which this thread could run and had no core, since it began; None where the kernel does not tell."""


class Probe:
    """Reads counters at ``start_ns`` and ``end_ns``; between, wakes every ``PERIOD_NS`` and notes how late it is."""

    def __init__(self, timetable: Timetable, start_ns: int, end_ns: int, opened: Callable[[], int]) -> None:
        self._timetable = timetable
        self._start_ns = start_ns
        self._end_ns = end_ns
        self._opened = opened
        self._lags = array("q")
        self._gc_started_ns = 0
        self._gc_pauses_ns = array("q")
        self._first: Reading | None = None
        self._last: Reading | None = None
        timetable.call_at(start_ns, self._begin)
        timetable.call_at(end_ns, self._finish)

    def __enter__(self) -> Self:
        gc.callbacks.append(self._on_gc)
        return self

    def __exit__(self, *_: object) -> None:
        gc.callbacks.remove(self._on_gc)

    def _read(self) -> Reading:
        return Reading(self._timetable.now(), time.process_time(), self._opened(), _queued_s())

    def _begin(self, instant_ns: int) -> None:
        self._first = self._read()
        self._tick(instant_ns)

    def _finish(self, _: int) -> None:
        self._last = self._read()

    def _tick(self, instant_ns: int) -> None:
        now = self._timetable.now()
        self._lags.append(now - instant_ns)
        if now + PERIOD_NS < self._end_ns:
            self._timetable.call_at(now + PERIOD_NS, self._tick)

    def _on_gc(self, phase: str, _: object) -> None:
        now = time.monotonic_ns()
        if phase == "start":
            self._gc_started_ns = now
        elif self._start_ns <= now < self._end_ns:
            self._gc_pauses_ns.append(now - self._gc_started_ns)

    def window(self) -> tuple[float, float, int]:
        """Return wall seconds, CPU seconds and connections opened between the two readings.

        A window that is not over yet counts until now; one that has not begun is empty.
        """
        first = self._first
        if first is None:
            return 0.0, 0.0, 0
        last = self._last or self._read()
        return (last.t_ns - first.t_ns) / 1e9, last.cpu_s - first.cpu_s, last.opened - first.opened

    def queued_s(self) -> float | None:
        """Return seconds of the window in which the event loop was ready to run and others had the cores."""
        first, last = self._first, self._last or self._read()
        if first is None or first.queued_s is None or last.queued_s is None:
            return None
        return last.queued_s - first.queued_s

    def lag_ns(self, quantile: float) -> int:
        """Return a quantile of the lag in ns; 0 where the window was too short for a single wake-up."""
        if not self._lags:
            return 0
        return int(np.quantile(np.frombuffer(self._lags, dtype=np.int64), quantile, method="higher"))

    @property
    def gc_pauses(self) -> tuple[int, int]:
        """Number and total ns of collections inside the window."""
        return len(self._gc_pauses_ns), sum(self._gc_pauses_ns)

    @staticmethod
    def rss_bytes() -> int:
        """Peak resident memory of this process, from ``VmHWM``: rusage counts its parent's before the exec too."""
        found = re.search(r"^VmHWM:\s+(\d+) kB$", Path("/proc/self/status").read_text(), re.MULTILINE)
        if found is None:
            raise SetupError("this kernel does not tell the peak memory of a process", remedy="Run on Linux.")
        return int(found[1]) * 1024


def _queued_s() -> float | None:
    """Return the main thread's time on the run queue (kernel documentation, sched-stats: second field, in ns)."""
    try:
        return int(_SCHEDSTAT.read_text().split()[1]) / 1e9
    except (OSError, IndexError, ValueError):
        return None
