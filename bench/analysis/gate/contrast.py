"""Two groups of trials, one number each: how they differ, with interval, p and the change that could have been seen.

Numbers above zero are compared as ratios, on the log scale. Where a value is zero there is no ratio: shares and counts
are then compared by their difference.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy

from bench.analysis.gate.metrics import LEVEL
from bench.stats.estimate import Estimate, Refused
from bench.stats.noise import minimum_detectable_effect
from bench.stats.replicates import around, log_ratios, paired_ratio, unpaired_ratio
from bench.stats.significance import paired_t_p, welch_p

if TYPE_CHECKING:
    from collections.abc import Sequence

POWER = 0.8


@dataclass(frozen=True, slots=True)
class Contrast:
    """``ratio`` (candidate / baseline) or ``difference`` (candidate - baseline); both None where refused."""

    ratio: Estimate | None = None
    difference: Estimate | None = None
    p: float | None = None
    sd_log: float = 0.0
    """Standard deviation of the logarithm: of a trial, or of the ratio of a pair."""
    n: int = 0
    paired: bool = False
    refused: Refused | None = None
    spotless: bool = False
    """True where not one operation of the candidate failed."""

    @property
    def detectable(self) -> float | None:
        """Relative change that would have been found significant with probability 0.8; None where nothing varied."""
        if not self.sd_log > 0:
            return None
        return minimum_detectable_effect(self.sd_log, self.n, alpha=1 - LEVEL, power=POWER, paired=self.paired)


def contrast(baseline: Sequence[float], candidate: Sequence[float], unit: str, *, paired: bool) -> Contrast:
    """Compare trials of two sides; in pairs, the n-th of both belong together."""
    if min(len(baseline), len(candidate)) < 2:
        n = min(len(baseline), len(candidate))
        return Contrast(refused=Refused(f"{n} trial(s) on a side do not show how trials differ", n, 2))
    if min(*baseline, *candidate) <= 0:
        return _by_difference(baseline, candidate, unit, paired=paired)
    ratio = (paired_ratio if paired else unpaired_ratio)(baseline, candidate, LEVEL)
    if isinstance(ratio, Refused):
        return Contrast(refused=ratio)
    before, now = np.log(baseline), np.log(candidate)
    p = (paired_t_p if paired else welch_p)(before.tolist(), now.tolist())
    sd, n = _spread(baseline, candidate, paired=paired)
    return Contrast(ratio=ratio, p=p, sd_log=sd, n=n, paired=paired)


def contrast_shares(
    baseline: Sequence[float], candidate: Sequence[float], counts: tuple[tuple[int, int], tuple[int, int]]
) -> Contrast:
    """Compare shares by their difference; ``counts`` are (with, of all) on each side.

    Trials without an error do not differ, which is no proof that errors are impossible: the interval is at least that
    of the pooled counts (Newcombe 1998, method 10, with the exact intervals of Clopper and Pearson).
    """
    if min(len(baseline), len(candidate)) < 2 or not all(total for _, total in counts):
        n = min(len(baseline), len(candidate))
        return Contrast(refused=Refused(f"{n} trial(s) on a side do not show how trials differ", n, 2))
    over_trials = _by_difference(baseline, candidate, "1", paired=False)
    shares = [failed / total for failed, total in counts]
    bounds = [scipy.stats.binomtest(failed, total).proportion_ci(LEVEL, method="exact") for failed, total in counts]
    point = shares[1] - shares[0]
    down = math.hypot(shares[1] - bounds[1].low, bounds[0].high - shares[0])
    up = math.hypot(bounds[1].high - shares[1], shares[0] - bounds[0].low)
    seen = over_trials.difference
    half = (seen.high - seen.low) / 2 if seen else 0.0
    n = min(len(baseline), len(candidate))
    return Contrast(
        difference=Estimate(point, point - max(down, half), point + max(up, half), LEVEL, n, "1"),
        p=over_trials.p,
        spotless=counts[1][0] == 0,
    )


def _by_difference(baseline: Sequence[float], candidate: Sequence[float], unit: str, *, paired: bool) -> Contrast:
    before, now = np.asarray(baseline, np.float64), np.asarray(candidate, np.float64)
    point = float(now.mean() - before.mean())
    if paired:
        error, df = float((now - before).std(ddof=1)) / math.sqrt(now.size), now.size - 1.0
    else:
        parts = [float(x.var(ddof=1)) / x.size for x in (before, now)]
        error = math.sqrt(sum(parts))
        df = (
            sum(parts) ** 2 / sum(part**2 / (x.size - 1) for part, x in zip(parts, (before, now), strict=True))
            if error
            else 1.0
        )
    p = (paired_t_p if paired else welch_p)(before.tolist(), now.tolist())
    return Contrast(difference=around(point, error, df, LEVEL, unit), p=p)


def _spread(baseline: Sequence[float], candidate: Sequence[float], *, paired: bool) -> tuple[float, int]:
    if paired:
        return float(log_ratios(baseline, candidate).std(ddof=1)), len(baseline)
    groups = [np.log(values) for values in (baseline, candidate)]
    df = sum(group.size - 1 for group in groups)
    variance = sum(float(group.var(ddof=1)) * (group.size - 1) for group in groups) / df
    return math.sqrt(variance), min(group.size for group in groups)
