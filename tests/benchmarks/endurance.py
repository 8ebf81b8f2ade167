"""What a long load must show: memory that does not grow, latency that does not drift, descriptors that come back.

Pure: series of readings in, judgements with their intervals out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy import stats

from bench.stats.autocorrelation import effective_sample_size
from bench.stats.estimate import Estimate
from bench.stats.noise import NoiseFloor, noise_floor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.stats.autocorrelation import Series

Stand = Literal["flat", "grows", "undecided"]

LEVEL = 0.95
LEAST_BYTES = 1 << 20
"""Growth over the whole watch that is no leak: allocators round up to arenas."""
SHARE = 0.01
"""The same, as a share of the process's memory."""
FEWEST = 8
"""Readings or blocks below which no slope is told."""


def slope(times_s: Series, values: Series, unit: str, level: float = LEVEL) -> Estimate:
    """Return the slope of a series per second, by least squares.

    The interval counts the readings at their effective number, since what is left beside the line remembers itself.
    Raises ``ValueError`` below ``FEWEST`` readings.
    """
    x, y = np.asarray(times_s, dtype=np.float64), np.asarray(values, dtype=np.float64)
    if x.size < FEWEST:
        raise ValueError(f"a slope needs at least {FEWEST} readings, there are {x.size}")
    centred = x - x.mean()
    spread = float(centred @ centred)
    point = float(centred @ y) / spread
    rest = y - y.mean() - point * centred
    units = max(3.0, effective_sample_size(rest))
    error = math.sqrt(float(rest @ rest) / x.size / (spread / x.size) / (units - 2))
    half = float(stats.t.ppf((1 + level) / 2, units - 2)) * error
    return Estimate(point, point - half, point + half, level, x.size, unit)


@dataclass(frozen=True, slots=True)
class MemoryVerdict:
    """The memory of one process. ``slope`` is in bytes per second, without what it keeps on purpose."""

    slope: Estimate
    kept_per_s: float
    """Bytes per second that it keeps on purpose: each sample or reading, until the trial ends."""
    tolerated_bytes: float
    """Growth over the watch up to which it counts as flat."""
    span_s: float
    stand: Stand


def judge_memory(
    times_s: Series, rss_bytes: Series, kept_per_s: float = 0.0, uncertainty: float = 0.0
) -> MemoryVerdict:
    """Judge a process's resident memory; ``uncertainty`` is the share by which ``kept_per_s`` may be wrong.

    It is flat where growth beyond the tolerance can be excluded, and grows where the interval lies above zero and the
    point above the tolerance.
    """
    raw = slope(times_s, rss_bytes, "B/s")
    own = Estimate(raw.point - kept_per_s, raw.low - kept_per_s, raw.high - kept_per_s, raw.level, raw.n, raw.unit)
    span_s = float(times_s[-1]) - float(times_s[0])
    tolerated = max(LEAST_BYTES, SHARE * float(np.median(rss_bytes)), uncertainty * kept_per_s * span_s)
    stand: Stand = "undecided"
    if own.high * span_s <= tolerated:
        stand = "flat"
    elif own.low > 0 and own.point * span_s > tolerated:
        stand = "grows"
    return MemoryVerdict(own, kept_per_s, tolerated, span_s, stand)


@dataclass(frozen=True, slots=True)
class DriftVerdict:
    """A latency over the watch. ``drift`` is relative (0.02 is +2 %), from the first block to the last."""

    drift: Estimate
    floor: float | None
    """What neighbouring blocks differ by; None where it cannot be told."""
    stand: Literal["steady", "drifts", "undecided"]


def judge_drift(blocks: Sequence[float]) -> DriftVerdict:
    """Judge one value a block of equal time: it drifts where the trend is significant and beyond the noise floor.

    The floor comes from neighbouring blocks, which a trend hardly parts.
    """
    logs = np.log(np.asarray(blocks, dtype=np.float64))
    trend = slope(np.arange(logs.size, dtype=np.float64), logs, "1").scaled(logs.size - 1, "1")
    point, low, high = (math.expm1(end) for end in (trend.point, trend.low, trend.high))
    drift = Estimate(point, low, high, LEVEL, trend.n, "1")
    pairs = len(blocks) // 2
    floor = noise_floor(blocks[: 2 * pairs : 2], blocks[1 : 2 * pairs : 2])
    if not isinstance(floor, NoiseFloor):
        return DriftVerdict(drift, None, "undecided")
    significant = not drift.low <= 0 <= drift.high
    beyond = abs(trend.point) > math.log1p(floor.floor.point)
    return DriftVerdict(drift, floor.floor.point, "drifts" if significant and beyond else "steady")


def leaks_descriptors(counts: Sequence[int]) -> bool:
    """Tell whether even the fewest descriptors of the last quarter are more than the most of the first."""
    quarter = max(1, len(counts) // 4)
    return min(counts[-quarter:]) > max(counts[:quarter])
