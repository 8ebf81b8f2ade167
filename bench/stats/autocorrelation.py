"""How much a series repeats itself, and what that leaves of its length."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Series = Sequence[float] | NDArray[np.float64]


def lag1(series: Series) -> float:
    """Lag-1 autocorrelation, corrected for the bias of short series (Kendall 1954); 0 for a constant one."""
    x = np.asarray(series, dtype=np.float64)
    if x.size < 3:
        raise ValueError(f"an autocorrelation needs at least 3 values, there are {x.size}")
    deviation = x - x.mean()
    total = float(deviation @ deviation)
    if total <= (1e-12 * float(np.abs(x).max())) ** 2 * x.size:
        return 0.0
    raw = float(deviation[1:] @ deviation[:-1]) / total
    return min(0.99, max(-0.99, raw + (1 + 3 * raw) / x.size))


def effective_sample_size(series: Series) -> float:
    """How many independent values tell as much about the mean: n (1 - r) / (1 + r) for a first-order memory.

    A negative autocorrelation is not counted as a gain, so the answer is at most n; at least it is 1.
    """
    r = max(0.0, lag1(series))
    return max(1.0, len(series) * (1 - r) / (1 + r))
