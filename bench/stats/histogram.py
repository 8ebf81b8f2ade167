"""A log-scale histogram of durations: mergeable without loss, quantiles within 0.1 %.

The counts have the layout of HdrHistogram (lowest 1 ns, highest one day, 3 significant digits), so they can be
written to a log that any HdrHistogram tool opens. The library records one value a call; here a whole column is binned.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

LOWEST_NS = 1
HIGHEST_NS = 86_400 * 10**9
SIGNIFICANT_DIGITS = 3

# 2 * 10^3 values with unit resolution, rounded up to a power of two (HdrHistogram's sub-buckets).
_SUB_BUCKETS = 2048
_HALF = _SUB_BUCKETS // 2
_HALF_BITS = _HALF.bit_length() - 1
_BUCKETS = HIGHEST_NS.bit_length() - _SUB_BUCKETS.bit_length() + 2
COUNTS_LENGTH = (_BUCKETS + 1) * _HALF

IntArray = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class LogHistogram:
    """Counts per bucket, and the extremes: exact where recorded here, bucket bounds where read from counts."""

    counts: IntArray
    min_ns: int
    max_ns: int

    @property
    def n(self) -> int:
        """How many durations were recorded."""
        return int(self.counts.sum())

    def values_at_ranks(self, ranks: Sequence[int]) -> list[int]:
        """Durations at 1-based ranks, never below the exact value and at most 1/1024 above it, as the tools read it."""
        cumulated = np.cumsum(self.counts)
        if not all(1 <= rank <= cumulated[-1] for rank in ranks):
            raise ValueError(f"ranks {list(ranks)} are not all within 1..{cumulated[-1]}")
        index = np.searchsorted(cumulated, np.asarray(ranks, dtype=np.int64), side="left")
        lowest, width = _bounds(index)
        return [int(value) for value in np.clip(lowest + width - 1, self.min_ns, self.max_ns)]

    def mean_ns(self) -> float:
        """Mean with every duration taken as the middle of its bucket: within 0.05 %."""
        index = np.flatnonzero(self.counts)
        if not index.size:
            raise ValueError("an empty histogram has no mean")
        lowest, width = _bounds(index)
        return float(np.average(lowest + (width - 1) / 2, weights=self.counts[index]))


def record(durations_ns: IntArray) -> LogHistogram:
    """Bin a column of durations; raises ValueError for a negative one or one above a day, rather than drop it."""
    durations = integers(durations_ns)
    if not durations.size:
        return LogHistogram(_frozen(np.zeros(COUNTS_LENGTH, dtype=np.int64)), 0, 0)
    low, high = int(durations.min()), int(durations.max())
    if low < 0 or high > HIGHEST_NS:
        outside = int(np.count_nonzero((durations < 0) | (durations > HIGHEST_NS)))
        raise ValueError(f"{outside} of {durations.size} durations lie outside 0..{HIGHEST_NS} ns: {low}..{high}")
    counts = np.bincount(_index(durations), minlength=COUNTS_LENGTH).astype(np.int64)
    return LogHistogram(_frozen(counts), low, high)


def merge(histograms: Sequence[LogHistogram]) -> LogHistogram:
    """Add histograms: the same as if everything had been recorded into one."""
    filled = [histogram for histogram in histograms if histogram.n]
    if not filled:
        return record(np.empty(0, dtype=np.int64))
    counts = np.sum([histogram.counts for histogram in filled], axis=0)
    return LogHistogram(_frozen(counts), min(h.min_ns for h in filled), max(h.max_ns for h in filled))


def from_counts(counts: IntArray) -> LogHistogram:
    """Rebuild from stored counts (shorter arrays are filled up with zeros); the extremes become bucket bounds."""
    if counts.size > COUNTS_LENGTH or bool((counts < 0).any()):
        raise ValueError(f"not counts of this layout: {counts.size} values, at most {COUNTS_LENGTH}, none negative")
    full = np.zeros(COUNTS_LENGTH, dtype=np.int64)
    full[: counts.size] = integers(counts)
    filled = np.flatnonzero(full)
    if not filled.size:
        return LogHistogram(_frozen(full), 0, 0)
    lowest, width = _bounds(filled[[0, -1]])
    return LogHistogram(_frozen(full), int(lowest[0]), int(lowest[1] + width[1] - 1))


def integers(values: IntArray) -> IntArray:
    """Take integers as they are; raises TypeError for anything that would have to be rounded."""
    array = np.asarray(values)
    if array.size and array.dtype.kind not in "iu":
        raise TypeError(f"durations are integer nanoseconds, not {array.dtype}")
    return array.astype(np.int64, copy=False)


def _index(durations: IntArray) -> IntArray:
    # frexp's exponent of a whole number is its bit length, exact below 2^53; the mask puts small values in bucket 0.
    _, bits = np.frexp((durations | (_SUB_BUCKETS - 1)).astype(np.float64))
    bucket = bits.astype(np.int64) - _SUB_BUCKETS.bit_length() + 1
    index: IntArray = ((bucket + 1) << _HALF_BITS) + (durations >> bucket) - _HALF
    return index


def _bounds(index: NDArray[np.intp]) -> tuple[IntArray, IntArray]:
    """Lowest value and width of each bucket."""
    bucket = np.maximum((index >> _HALF_BITS) - 1, 0)
    sub_bucket = np.where(index < _SUB_BUCKETS, index, (index & (_HALF - 1)) + _HALF)
    return (sub_bucket << bucket).astype(np.int64), np.left_shift(1, bucket).astype(np.int64)


def _frozen(counts: IntArray) -> IntArray:
    counts.setflags(write=False)
    return counts
