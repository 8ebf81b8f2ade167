"""How throughput grows with concurrency: the Universal Scalability Law, and the smallest level that is enough.

X(N) = gamma N / (1 + sigma (N - 1) + kappa N (N - 1)), Gunther, Guerrilla Capacity Planning: gamma is the throughput of
one, sigma the contention, kappa the coherency. The peak lies at N* = sqrt((1 - sigma) / kappa).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy
from numpy.typing import NDArray

from bench.stats.estimate import Estimate, Refused

if TYPE_CHECKING:
    from collections.abc import Sequence

FloatArray = NDArray[np.float64]

_FEWEST_LEVELS = 4  # three parameters, and one level to contradict them


@dataclass(frozen=True, slots=True)
class Usl:
    """One curve; sigma within [0, 1], kappa not below 0."""

    gamma: float
    sigma: float
    kappa: float

    def throughput(self, concurrency: float) -> float:
        """X(N) in the unit of gamma."""
        return self.gamma * concurrency / (1 + (concurrency - 1) * (self.sigma + self.kappa * concurrency))

    @property
    def peak(self) -> float:
        """N* where X is highest; infinite without coherency cost."""
        return math.sqrt((1 - self.sigma) / self.kappa) if self.kappa > 0 else math.inf


@dataclass(frozen=True, slots=True)
class UslEstimate:
    """The fitted curve with intervals; ``peak`` is N*, or why it cannot be told; ``r_squared`` of the level means."""

    curve: Usl
    gamma: Estimate
    sigma: Estimate
    kappa: Estimate
    peak: Estimate | Refused
    r_squared: float


def fit_usl(levels: Sequence[float], throughput: Sequence[float]) -> Usl | Refused:
    """Bounded non-linear least squares on one throughput per level; refused below 4 different levels."""
    n, x = np.asarray(levels, dtype=np.float64), np.asarray(throughput, dtype=np.float64)
    if n.size != x.size or bool((n <= 0).any()):
        raise ValueError(f"a scalability curve needs a throughput for each level above zero: {n.size}, {x.size}")
    distinct = np.unique(n).size
    if distinct < _FEWEST_LEVELS:
        reason = f"{distinct} different level(s) do not determine a curve of three parameters"
        return Refused(reason, distinct, _FEWEST_LEVELS)
    if not (x > 0).all():
        return Refused("a level without throughput is no point of a scalability curve", distinct, None)
    # N / X is linear in 1/gamma, sigma/gamma and kappa/gamma: that solution starts the search near its end.
    terms = np.column_stack([np.ones_like(n), n - 1, n * (n - 1)]) * (x / n)[:, None]
    inverse, contention, coherency = scipy.optimize.nnls(terms, np.ones_like(n))[0]
    if inverse > 0:
        return _refine(n, x, Usl(1 / inverse, min(1.0, contention / inverse), coherency / inverse))
    return _refine(n, x, Usl(float((x / n).max()), 0.1, 0.0))


def estimate_usl(
    levels: Sequence[float],
    replicates: Sequence[Sequence[float]],
    rng: np.random.Generator,
    level: float = 0.95,
    resamples: int = 500,
) -> UslEstimate | Refused:
    """Fit the means of ``replicates[i]`` (throughputs of the trials at ``levels[i]``), with percentile intervals.

    Trials are resampled within their level, their deviations widened by sqrt(n / (n - 1)) since a few of them show too
    little of their spread. N* is refused outside the measured levels, and where kappa may be zero: then nothing shows
    that throughput ever falls.
    """
    groups = [np.asarray(group, dtype=np.float64) for group in replicates]
    if len(groups) != len(levels) or not groups:
        raise ValueError(f"{len(levels)} levels, but trials of {len(groups)}")
    fewest = min(group.size for group in groups)
    if fewest < 2:
        return Refused("a level with one trial does not show how trials differ", fewest, 2)
    means = [float(group.mean()) for group in groups]
    curve = fit_usl(levels, means)
    if isinstance(curve, Refused):
        return curve
    n = np.asarray(levels, dtype=np.float64)
    spread = [(group - group.mean()) * math.sqrt(group.size / (group.size - 1)) for group in groups]
    drawn = []
    for _ in range(resamples):
        shift = [float(rng.choice(deviations, deviations.size).mean()) for deviations in spread]
        resampled = np.maximum(np.asarray(means) + shift, 1e-9 * np.asarray(means))
        refit = _refine(n, resampled, curve)
        drawn.append((refit.gamma, refit.sigma, refit.kappa, refit.peak))
    table = np.asarray(drawn)
    x = np.asarray(means)
    residual = x - np.asarray([curve.throughput(size) for size in levels])
    total = float(((x - x.mean()) ** 2).sum())
    kappa = _percentile(curve.kappa, table[:, 2], level, fewest, "1")
    return UslEstimate(
        curve,
        _percentile(curve.gamma, table[:, 0], level, fewest, "1/s"),
        _percentile(curve.sigma, table[:, 1], level, fewest, "1"),
        kappa,
        _peak(curve, kappa, n, table[:, 3]),
        1 - float(residual @ residual) / total if total > 0 else 0.0,
    )


def _peak(curve: Usl, kappa: Estimate, levels: FloatArray, drawn: FloatArray) -> Estimate | Refused:
    lowest, highest = float(levels.min()), float(levels.max())
    # Bounded searches end near the bound, not on it: coherency that takes less than 0.1 % at the highest level is none.
    if kappa.low * highest * (highest - 1) < 1e-3:
        return Refused("kappa may be zero: nothing shows that throughput ever falls", kappa.n, None)
    if not lowest <= curve.peak <= highest:
        reason = f"N* = {curve.peak:.0f} lies outside the measured levels {lowest:g} to {highest:g}"
        return Refused(reason, kappa.n, None)
    return _percentile(curve.peak, drawn, kappa.level, kappa.n, "concurrency")


def _refine(n: FloatArray, x: FloatArray, start: Usl) -> Usl:
    scale = float(x.max())
    y = x / scale

    def residuals(p: FloatArray) -> FloatArray:
        difference: FloatArray = p[0] * n / _divisor(n, p[1], p[2]) - y
        return difference

    def jacobian(p: FloatArray) -> FloatArray:
        divisor = _divisor(n, p[1], p[2])
        slope = -p[0] * n * (n - 1) / divisor**2
        return np.column_stack([n / divisor, slope, slope * n])

    largest = float(n.max())
    fitted = scipy.optimize.least_squares(
        residuals,
        (start.gamma / scale, start.sigma, start.kappa),
        jacobian,
        bounds=([0.0, 0.0, 0.0], [np.inf, 1.0, np.inf]),
        x_scale=(float((y / n).max()), 1 / largest, 1 / largest**2),
    ).x
    return Usl(float(fitted[0]) * scale, float(fitted[1]), float(fitted[2]))


def _divisor(n: FloatArray, sigma: float, kappa: float) -> FloatArray:
    divisor: FloatArray = 1 + (n - 1) * (sigma + kappa * n)
    return divisor


def _percentile(point: float, drawn: FloatArray, level: float, n: int, unit: str) -> Estimate:
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2]).tolist()
    return Estimate(point, min(point, low), max(point, high), level, n, unit)
