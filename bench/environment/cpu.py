"""CPU time of a family of processes, those that have ended included."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, NamedTuple

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterable

_TRIES = 5


class CpuReading(NamedTuple):
    """What a process and its children had used at an instant of the monotonic clock; None: it could not be read."""

    at_ns: int
    used_s: float | None


def used_between(before: CpuReading, after: CpuReading) -> float | None:
    """Return the CPU seconds used between two readings, None where one of them failed."""
    if before.used_s is None or after.used_s is None:
        return None
    return after.used_s - before.used_s


def read_family(process: psutil.Process | None) -> CpuReading:
    """Read the CPU that a process and its children have used since it began.

    A child that ends hands its time to its parent (``cutime``, proc(5)), so that the sum loses nothing when backends
    come and go, or have gone by the time of a second reading. One that ends between two looks of the same reading
    would be counted twice, so the reading is repeated until no child has.
    """
    at_ns, used_s = time.monotonic_ns(), None
    if process is None:
        return CpuReading(at_ns, None)
    try:
        for _ in range(_TRIES):
            before, at_ns = process.cpu_times(), time.monotonic_ns()
            living_s = sum(_used_s(child) for child in process.children())
            after = process.cpu_times()
            ended_s = after.children_user + after.children_system
            used_s = after.user + after.system + ended_s + living_s
            if ended_s == before.children_user + before.children_system:
                break
    except psutil.Error:
        return CpuReading(at_ns, None)
    return CpuReading(at_ns, used_s)


def used_by_each(processes: Iterable[psutil.Process]) -> dict[int, float]:
    """Return the CPU seconds that each process has used by its id; one that is gone or hidden is left out."""
    found: dict[int, float] = {}
    for process in processes:
        with contextlib.suppress(psutil.Error):
            times = process.cpu_times()
            found[process.pid] = times.user + times.system
    return found


def _used_s(child: psutil.Process) -> float:
    try:
        times = child.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return times.user + times.system
