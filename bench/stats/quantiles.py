"""Quantiles of recorded durations, exact or from a histogram, and how sure one can be of them.

A quantile is the inverted CDF: the smallest recorded value that at least a share ``q`` of all values does not exceed.
It is always a value that occurred; nothing is interpolated, nothing is averaged.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import scipy

from bench.stats.estimate import Estimate, Refused
from bench.stats.histogram import IntArray, LogHistogram, integers, merge

if TYPE_CHECKING:
    from collections.abc import Sequence

Samples = IntArray | LogHistogram


def rank(q: float, n: int) -> int:
    """1-based rank of the ``q``-quantile among ``n`` sorted values; ``q`` is the decimal it is written as."""
    if not (0 < q <= 1 and n >= 1):
        raise ValueError(f"a quantile needs 0 < q <= 1 and n >= 1: q = {q}, n = {n}")
    # In binary 0.07 * 100 is 7.000000000000001, whose ceiling is the wrong rank.
    return math.ceil(Fraction(str(q)) * n)


def count(samples: Samples) -> int:
    """How many values there are."""
    return samples.n if isinstance(samples, LogHistogram) else int(samples.size)


def values_at_ranks(samples: Samples, ranks: Sequence[int]) -> list[int]:
    """Order statistics at 1-based ranks: exact from an array, within 0.1 % from a histogram."""
    if isinstance(samples, LogHistogram):
        return samples.values_at_ranks(ranks)
    array = integers(samples)
    if not all(1 <= wanted <= array.size for wanted in ranks):
        raise ValueError(f"ranks {list(ranks)} are not all within 1..{array.size}")
    positions = [wanted - 1 for wanted in ranks]
    ordered = np.partition(array, sorted(set(positions)))
    return [int(ordered[position]) for position in positions]


def quantiles(samples: Samples, qs: Sequence[float]) -> list[int]:
    """Inverted-CDF quantiles; ``q = 1`` is the maximum. Raises ValueError where there are no values."""
    n = count(samples)
    return values_at_ranks(samples, [rank(q, n) for q in qs])


def pool(replicates: Sequence[Samples]) -> Samples:
    """Put the samples of all replicates together; arrays and histograms do not mix."""
    histograms = [samples for samples in replicates if isinstance(samples, LogHistogram)]
    if not histograms:
        return np.concatenate([samples for samples in replicates if not isinstance(samples, LogHistogram)])
    if len(histograms) != len(replicates):
        raise TypeError("replicates are all arrays or all histograms")
    return merge(histograms)


def smallest_n(q: float, level: float) -> int:
    """Smallest n whose extremes enclose the ``q``-quantile with probability ``level``: 1 - q^n - (1-q)^n >= level.

    59 for p95, 299 for p99, 2,995 for p99.9 at level 0.95: for tail quantiles the third term vanishes (Wilks 1941).
    """
    if not (0 < q < 1 and 0 < level < 1):
        raise ValueError(f"q and level lie between 0 and 1, both excluded: q = {q}, level = {level}")
    n = max(1, math.floor(math.log1p(-level) / math.log(max(q, 1 - q))))
    while 1 - q**n - (1 - q) ** n < level:
        n += 1
    return n


def interval_ranks(q: float, n: int, level: float) -> tuple[int, int] | None:
    """Ranks whose values enclose the ``q``-quantile with at least ``level``, or None where ``n`` is too small.

    The number of values below the quantile is binomial (David and Nagaraja, Order Statistics, 7.1). Tails are equal
    where possible; where one tail has no value left, what it cannot use goes to the other.
    """
    if n < smallest_n(q, level):
        return None
    alpha = 1 - level
    below = scipy.stats.binom(n, q)
    low, high = int(below.ppf(alpha / 2)), int(below.ppf(1 - alpha / 2)) + 1
    if high > n:
        low = int(below.ppf(alpha - q**n))
    elif low < 1:
        high = int(below.ppf(1 - alpha + (1 - q) ** n)) + 1
    wanted = rank(q, n)
    return max(1, min(low, wanted)), min(n, max(high, wanted))


def quantile_interval(samples: Samples, q: float, level: float = 0.95, unit: str = "ns") -> Estimate | Refused:
    """Quantile of one sample with its order-statistic interval, which takes the values as independent.

    Operations within one trial are not (a queue has memory): to speak of a treatment, use ``quantile_over_replicates``.
    """
    n = count(samples)
    ranks = interval_ranks(q, n, level)
    if ranks is None:
        return too_few(q, n, level)
    low, point, high = values_at_ranks(samples, [ranks[0], rank(q, n), ranks[1]])
    return Estimate(float(point), float(low), float(high), level, n, unit)


def too_few(q: float, n: int, level: float) -> Refused:
    """Say that ``n`` samples cannot bound the ``q``-quantile at this level."""
    needed = smallest_n(q, level)
    return Refused(f"p{100 * q:g} at level {level:g} needs {needed:,} samples, there are {n:,}", n, needed)
