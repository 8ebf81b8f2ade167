"""Intended starts of an open loop: a pure function of rate, process and seed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from bench.model.sample import Nanoseconds
    from bench.model.scenario import OpenLoop


def intended_starts(load: OpenLoop, length_ns: int, share: float, generator: np.random.Generator) -> Nanoseconds:
    """Return sorted instants in ``[0, length_ns)`` for one worker that carries ``share`` of the rate.

    Poisson: exponential gaps with mean 1/rate, so that independent workers add up to a Poisson process of the whole
    rate. Constant: equal gaps with a random phase per worker. Ramp: a Poisson process whose rate grows linearly from
    ``ramp_from`` to ``rate``, by inverting the cumulative rate (Cinlar, Introduction to Stochastic Processes, 1975).
    """
    rate_per_ns = float(load.rate) * share / 1e9
    match load.arrival:
        case "constant":
            gap = 1 / rate_per_ns
            starts = np.arange(generator.random() * gap, length_ns, gap)
        case "poisson":
            starts = _poisson(rate_per_ns * length_ns, generator) / rate_per_ns
        case "ramp":
            first = float(load.ramp_from) * share / 1e9
            slope = (rate_per_ns - first) / length_ns
            events = _poisson((first + rate_per_ns) / 2 * length_ns, generator)
            starts = events / first if slope == 0 else (np.sqrt(first**2 + 2 * slope * events) - first) / slope
    return starts[starts < length_ns].astype(np.int64)


def _poisson(expected: float, generator: np.random.Generator) -> np.typing.NDArray[np.float64]:
    """Event times of a unit-rate Poisson process on ``[0, expected)``."""
    count = int(expected + 10 * np.sqrt(expected) + 20)
    events = np.cumsum(generator.exponential(size=count))
    while events[-1] < expected:
        events = np.concatenate([events, events[-1] + np.cumsum(generator.exponential(size=count))])
    return events[events < expected]
