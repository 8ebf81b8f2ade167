"""How surprising a difference would be if there were none: p values, and what few trials can never show.

All tests are two-sided. They come beside an interval, never instead of one.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import scipy

from bench.stats.replicates import log_ratios

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_RESAMPLES = 10_000  # scipy enumerates instead where there are fewer arrangements than this: up to 7 against 7 trials


def smallest_p(n_baseline: int, n_candidate: int) -> float:
    """Smallest p a rank test of two independent groups can give: 0.1 at 3 against 3, 0.008 at 5 against 5."""
    return min(1.0, 2 / math.comb(n_baseline + n_candidate, n_baseline))


def smallest_paired_p(pairs: int) -> float:
    """Smallest p a rank or sign test of pairs can give: 0.0625 at 5 pairs, 0.031 at 6."""
    return min(1.0, 2.0 ** (1 - pairs))


def mann_whitney_p(baseline: Sequence[float], candidate: Sequence[float], rng: np.random.Generator) -> float:
    """Rank test of two independent groups: exact, or by permutation where values are tied."""
    values = [*baseline, *candidate]
    if len(set(values)) == len(values):
        return float(scipy.stats.mannwhitneyu(baseline, candidate, method="exact").pvalue)
    permutation = scipy.stats.PermutationMethod(n_resamples=_RESAMPLES, rng=rng)
    return float(scipy.stats.mannwhitneyu(baseline, candidate, method=permutation).pvalue)


def wilcoxon_p(baseline: Sequence[float], candidate: Sequence[float]) -> float:
    """Signed-rank test of pairs on their log ratios: exact up to 50 pairs without ties, or 13 with them."""
    # Equal ratios must tie although their logarithms differ in the last bits.
    logs = np.round(log_ratios(baseline, candidate), 12)
    return float(scipy.stats.wilcoxon(logs).pvalue) if logs.any() else 1.0


def permutation_p(
    baseline: Sequence[float], candidate: Sequence[float], rng: np.random.Generator, *, paired: bool
) -> float:
    """Permutation test of the ratio of geometric means: swaps within pairs, or labels between groups."""
    return float(
        scipy.stats.permutation_test(
            (np.log(candidate), np.log(baseline)),
            _difference_of_means,
            permutation_type="samples" if paired else "independent",
            n_resamples=_RESAMPLES,
            rng=rng,
        ).pvalue
    )


def welch_p(baseline: Sequence[float], candidate: Sequence[float]) -> float:
    """Welch's t test of two independent groups of at least 2; as they are, so take logarithms first for a ratio."""
    if len(set(baseline)) == len(set(candidate)) == 1:  # no spread at all: a count that never varies
        return 1.0 if baseline[0] == candidate[0] else 0.0
    return float(scipy.stats.ttest_ind(candidate, baseline, equal_var=False).pvalue)


def paired_t_p(baseline: Sequence[float], candidate: Sequence[float]) -> float:
    """Student's t test of at least 2 pairs; as they are, so take logarithms first for a ratio."""
    differences = np.subtract(candidate, baseline)
    if np.ptp(differences) == 0:
        return 1.0 if differences[0] == 0 else 0.0
    return float(scipy.stats.ttest_1samp(differences, 0.0).pvalue)


def equivalence_p(baseline: Sequence[float], candidate: Sequence[float], margin: float) -> float:
    """TOST on pairs: p that the ratio lies outside [1/(1+margin), 1+margin] (Schuirmann 1987)."""
    logs = log_ratios(baseline, candidate)
    if not (margin > 0 and logs.size >= 2):
        raise ValueError(f"equivalence needs a margin above zero and 2 pairs: {margin}, {logs.size}")
    limit = math.log1p(margin)
    mean, error = float(logs.mean()), float(logs.std(ddof=1)) / math.sqrt(logs.size)
    room = limit - abs(mean)
    if error == 0:
        return 0.0 if room > 0 else 1.0
    return float(scipy.stats.t.sf(room / error, logs.size - 1))


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust a family of p values so that the chance of any false alarm keeps its level (Holm 1979), in input order."""
    p = np.asarray(p_values, dtype=np.float64)
    if p.size and not bool(((p >= 0) & (p <= 1)).all()):
        raise ValueError(f"p values lie between 0 and 1: {list(p_values)}")
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(p.size, 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(1.0, stepped)
    return [float(value) for value in adjusted]


def _difference_of_means(x: NDArray[np.float64], y: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    difference: NDArray[np.float64] = np.mean(x, axis=axis) - np.mean(y, axis=axis)
    return difference
