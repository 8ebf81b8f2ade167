"""The intended starts of one worker of a swarm, from what the master knows too: a lost worker's stay on the books."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from bench.design.arrivals import intended_starts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.load.job import Share
    from bench.model.sample import Nanoseconds
    from bench.model.scenario import OpenLoop

_STREAM = 1
"""Sets these random numbers apart from those of the arguments, which only the worker draws."""
_STRETCH_NS = 5_000_000_000
"""Arrivals drawn at a time where there is no end: they take a moment."""


def starts_of(load: OpenLoop, share: Share, seed: int, length_ns: int) -> Nanoseconds:
    """Return the sorted instants in ``[0, length_ns)`` at which the worker of this share must start an operation."""
    generator = np.random.default_rng([seed, share.worker, _STREAM])
    return intended_starts(load, length_ns, share.rate_share, generator)


def endless_starts(load: OpenLoop, share: Share, seed: int) -> Iterator[int]:
    """Give intended starts without an end, for a load that somebody will stop by hand."""
    for stretch in itertools.count():
        generator = np.random.default_rng([seed, share.worker, _STREAM, stretch])
        starts = intended_starts(load, _STRETCH_NS, share.rate_share, generator)
        yield from (starts + stretch * _STRETCH_NS).tolist()
