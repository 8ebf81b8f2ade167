"""When a trial became steady, by rule and not by constant; or that it never did."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy

from bench.stats.autocorrelation import effective_sample_size, lag1
from bench.stats.estimate import Refused

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bench.stats.autocorrelation import Series

BATCH = 5  # the 5 of MSER-5
_FEWEST_BATCHES = 10


@dataclass(frozen=True, slots=True)
class SteadyState:
    """The series is steady from position ``start`` on.

    ``drift`` is how far the second half of the rest lies from its first (0.02 is +2 %); ``lag1`` its autocorrelation
    and ``effective_n`` what that leaves of its length.
    """

    start: int
    drift: float
    lag1: float
    effective_n: float


@dataclass(frozen=True, slots=True)
class Unsteady:
    """There is no steady state in the series, and why."""

    reason: str
    drift: float


def mser5(series: Series) -> int:
    """Position in the first half where truncation leaves the smallest marginal standard error, a multiple of 5.

    White 1997; positions past the middle are no candidates, since a short rest is alike by accident. Raises ValueError
    below 50 values.
    """
    x = np.asarray(series, dtype=np.float64)
    batches = x.size // BATCH
    if batches < _FEWEST_BATCHES:
        raise ValueError(f"MSER-5 needs {BATCH * _FEWEST_BATCHES} values, there are {x.size}")
    means = x[: batches * BATCH].reshape(batches, BATCH).mean(axis=1)
    rest = np.arange(batches, 0, -1)
    total = np.cumsum(means[::-1])[::-1]
    # Centred first: the difference of squares would lose all digits where the spread is small beside the mean.
    centred = means - means.mean()
    squares = np.cumsum(centred[::-1] ** 2)[::-1] - (total - rest * means.mean()) ** 2 / rest
    standard_error = np.maximum(squares, 0.0) / rest.astype(np.float64) ** 2
    return int(np.argmin(standard_error[: batches // 2 + 1])) * BATCH


def steady_state(series: Series, tolerance: float = 0.05, level: float = 0.95) -> SteadyState | Unsteady | Refused:
    """Find where a positive series of equal time blocks (throughput, say) becomes steady.

    The start is MSER-5's. Unsteady if the rest still drifts: its halves differ by more than ``tolerance``, and by more
    than its noise from block to block explains. Refused below 50 blocks: cut finer or measure longer.
    """
    x = np.asarray(series, dtype=np.float64)
    needed = BATCH * _FEWEST_BATCHES
    if x.size < needed:
        return Refused(f"{x.size} blocks do not show a steady state", x.size, needed)
    start = mser5(x)
    rest = x[start:]
    drift, significant = _drift(rest, level)
    if significant and abs(drift) > tolerance:
        return Unsteady(f"from block {start} on, the second half lies {100 * drift:+.1f} % from the first", drift)
    return SteadyState(start, drift, lag1(rest), effective_sample_size(rest))


def _drift(rest: NDArray[np.float64], level: float) -> tuple[float, bool]:
    """Relative step between the halves, and whether it exceeds what the noise from block to block explains.

    That noise comes from successive differences (von Neumann), which a trend cannot inflate as it does a variance.
    """
    early, late = rest[: rest.size // 2], rest[rest.size // 2 :]
    if not early.mean() > 0:
        return (math.inf, True) if late.any() else (0.0, False)
    step = float(late.mean() - early.mean())
    noise = math.sqrt(float(np.mean(np.diff(rest) ** 2)) / 2)
    error = noise * math.sqrt(1 / early.size + 1 / late.size)
    return step / float(early.mean()), abs(step) > float(scipy.stats.norm.ppf((1 + level) / 2)) * error
