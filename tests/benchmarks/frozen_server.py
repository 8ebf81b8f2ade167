"""The server stands still for a second: an open loop must show it, a closed loop hides it."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

import numpy as np
import psutil

from bench.stats.quantiles import quantiles
from tests.benchmarks.table import Row

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from bench.model.scenario import Level, Scenario
    from tests.benchmarks.bed import Bed

FREEZE_S, WINDOW_S, RATE = 1.0, 10.0, 1000


def _freeze(bed: Bed, stops: list[int]) -> Callable[[int], None]:
    """Return what stops all server processes for a second in the middle of the window, and notes when."""
    postmaster, _ = bed.server_pids()

    def during(start_ns: int) -> None:
        time.sleep(max(0.0, (start_ns - time.monotonic_ns()) / 1e9 + 5.0))
        family = [psutil.Process(postmaster), *psutil.Process(postmaster).children()]
        stops.append(time.monotonic_ns() - start_ns)
        for process in family:
            os.kill(process.pid, signal.SIGSTOP)
        time.sleep(FREEZE_S)
        for process in family:
            os.kill(process.pid, signal.SIGCONT)
        stops.append(time.monotonic_ns() - start_ns)

    return during


def _expected_ns(
    intended_ns: npt.NDArray[np.int64], stops: Sequence[int], typical_ns: float, capacity_per_s: float
) -> npt.NDArray[np.int64]:
    """Return the response times that the arrivals must have: first come, first served, and nothing while frozen.

    After the thaw the backlog drains at ``capacity_per_s``: each answer comes at the earliest one place behind the
    one before it.
    """
    frozen_ns, thawed_ns = stops
    place_ns = 1e9 / capacity_per_s
    answers = np.empty(len(intended_ns), dtype=np.float64)
    last = -np.inf
    for index, arrival in enumerate(intended_ns):
        served = thawed_ns if frozen_ns <= arrival < thawed_ns else arrival
        last = answers[index] = max(served + typical_ns, last + place_ns)
    return (answers - intended_ns).astype(np.int64)


def _p99_s(bed: Bed, scenario: Scenario, capacity_per_s: float) -> tuple[float, float]:
    """Return p99 of the response time, and what the arrivals say it has to be."""
    stops: list[int] = []
    samples = bed.load(scenario, 7, _freeze(bed, stops)).samples
    inside = samples.where((samples.outcome == 0) & (samples.intended_ns >= scenario.run.warmup))
    response = inside.duration("response_time")
    intended = np.sort(inside.intended_ns)
    undisturbed = inside.intended_ns < stops[0] - int(1e9)
    expected = _expected_ns(intended, stops, float(np.median(response[undisturbed])), capacity_per_s)
    measured = quantiles(np.sort(response), [0.99])[0]
    return measured / 1e9, quantiles(np.sort(expected), [0.99])[0] / 1e9


def measure(bed: Bed) -> Row:
    """Freeze once under each load model."""
    shape: dict[str, Level] = {
        "pool__size": 30,
        "run__warmup": "500ms",
        "run__window": f"{WINDOW_S:g}s",
        "pool__workers": 1,
    }
    closed = bed.scenario(load__clients=50, pool__size=30, pool__workers=1, run__warmup="1s", run__window="3s")
    capacity = bed.throughput(closed, 6)
    measured, expected = _p99_s(bed, bed.open(f"{RATE}/s", **shape), capacity)
    hidden, _ = _p99_s(bed, bed.scenario(load__clients=10, **shape), capacity)
    met = measured >= 0.85 and abs(measured / expected - 1) <= 0.05
    value = f"open-loop p99 {measured:.3f} s, computed from arrivals {expected:.3f} s ({measured / expected:.3f})"
    details = [
        f"the backlog drains at the closed loop's {capacity:,.0f}/s",
        f"the closed loop's p99 beside it: {hidden * 1e3:.2f} ms - it hides what it delayed",
    ]
    return Row("server frozen for 1 s in 10 s", value, "p99 >= 0.85 s, within 5 %", met=met, details=details)
