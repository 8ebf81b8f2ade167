"""A queue that is simulated: closed and open loops over a pool, as rows that a recorder would have written."""

from __future__ import annotations

import heapq

import numpy as np

from bench.model.sample import Outcome

WINDOW_NS = 400_000_000


WARMUP_NS = 100_000_000


CORES = 4


def _service_ns(generator: np.random.Generator, size: int) -> int:
    # More busy connections than cores share them, and switching costs a little more each.
    shared = max(1.0, size / (2 * CORES)) ** 1.06
    return int(550_000 * shared * generator.lognormal(0.0, 0.35))


def simulate(clients: int, size: int, seed: int, operations: int = 1) -> np.ndarray:
    """Run a closed loop of ``clients`` over ``size`` connections; rows as a recorder writes them."""
    generator = np.random.default_rng(seed)
    slow = float(generator.normal(1.0, 0.015))
    end = WARMUP_NS + WINDOW_NS
    free = [0] * size
    due = [int(generator.integers(0, 200_000)) for _ in range(clients)]
    heapq.heapify(due)
    heapq.heapify(free)
    rows: list[tuple[int, ...]] = []
    while due:
        intended = heapq.heappop(due)
        if intended >= end:
            continue
        dispatched = intended + 4_000
        acquired = max(dispatched + 3_000, heapq.heappop(free))
        completed = acquired + int(_service_ns(generator, min(size, clients)) * slow)
        released = completed + 60_000
        heapq.heappush(free, released)
        heapq.heappush(due, released)
        rows.append((intended, dispatched, acquired, completed, released, len(rows) % operations, int(Outcome.OK)))
    return np.array(rows, dtype=np.int64)


def simulate_open(rate: float, size: int, seed: int) -> np.ndarray:
    """Run Poisson arrivals at ``rate`` per second over ``size`` connections."""
    generator = np.random.default_rng(seed)
    end = WARMUP_NS + WINDOW_NS
    arrivals = np.cumsum(generator.exponential(1e9 / rate, int(2 * rate * end / 1e9) + 10)).astype(np.int64)
    free = [0] * size
    rows = []
    for intended in arrivals[arrivals < end].tolist():
        dispatched = intended + 5_000
        acquired = max(dispatched + 3_000, heapq.heappop(free))
        completed = acquired + _service_ns(generator, min(size, CORES * 2))
        heapq.heappush(free, completed + 60_000)
        rows.append((intended, dispatched, acquired, completed, completed + 60_000, 0, int(Outcome.OK)))
    return np.array(rows, dtype=np.int64)
