"""What differs when nothing was changed (A/A pairs), and the smallest change that can be seen above it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy

from bench.stats.estimate import Estimate, Refused
from bench.stats.replicates import log_ratios, refuse_ratio

if TYPE_CHECKING:
    from collections.abc import Sequence

FEWEST_RUNS = 3


@dataclass(frozen=True, slots=True)
class NoiseFloor:
    """The spread of A/A pairs.

    ``floor``: relative difference (0.03 is 3 %) that the next A/A comparison stays below with its level; interval from
    the uncertainty of the spread. ``sd_log``: standard deviation of log(second / first). ``bias_p``: p of the t test
    that first and second do not differ on average; small means that the order of the trials shows in the numbers.
    """

    floor: Estimate
    sd_log: float
    bias_p: float


def noise_floor(
    first: Sequence[float], second: Sequence[float], level: float = 0.95, pairs: int = 1
) -> NoiseFloor | Refused:
    """Measure the noise from A/A pairs of trials, one metric value each, for a later comparison over ``pairs`` pairs.

    The floor is the far end of Student's prediction interval for the mean of that many more pairs, so it is wide where
    few A/A pairs were measured.
    """
    refused = refuse_ratio(first, second, 3)
    if refused is not None:
        return refused
    logs = log_ratios(first, second)
    df = logs.size - 1
    mean, sd = abs(float(logs.mean())), float(logs.std(ddof=1))
    reach = float(scipy.stats.t.ppf((1 + level) / 2, df)) * math.sqrt(1 / pairs + 1 / logs.size)
    narrow, wide = (
        math.sqrt(df / float(scipy.stats.chi2.ppf(tail, df))) for tail in ((1 + level) / 2, (1 - level) / 2)
    )
    point, low, high = (math.expm1(mean + reach * sd * factor) for factor in (1.0, narrow, wide))
    bias_p = float(2 * scipy.stats.t.sf(mean / (sd / math.sqrt(logs.size)), df)) if sd > 0 else float(mean == 0)
    return NoiseFloor(Estimate(point, low, high, level, logs.size, "1"), sd, bias_p)


def floor_between_runs(values: Sequence[float], level: float = 0.95) -> float | Refused:
    """Return the relative difference that two more runs of the same thing stay within; one value for each earlier run.

    Student's prediction interval for the difference of two: t * sd * sqrt(2), on the logarithms. It holds what trials
    of one run cannot show: another start of the servers, another day.
    """
    if len(values) < FEWEST_RUNS:
        return Refused(f"{len(values)} run(s) do not show how runs differ", len(values), FEWEST_RUNS)
    if min(values) <= 0:
        return Refused("a value of zero has no ratio", len(values), None)
    logs = np.log(np.asarray(values, dtype=np.float64))
    return math.expm1(float(scipy.stats.t.ppf((1 + level) / 2, logs.size - 1)) * float(logs.std(ddof=1)) * math.sqrt(2))


def detection_power(effect: float, sd_log: float, n: int, *, alpha: float = 0.05, paired: bool = True) -> float:
    """Probability that a relative change (0.1 is +10 %) is found significant by the t tests of ``replicates``.

    ``sd_log`` is the spread of log(candidate / baseline) per pair, or of log(value) per trial if unpaired, with ``n``
    pairs or ``n`` trials a side. Noncentral t (Cohen 1988); a significant change the wrong way round is not "found".
    """
    if not (effect > -1 and sd_log > 0 and n >= 2):
        raise ValueError(f"power needs effect > -1, sd > 0, n >= 2: {effect}, {sd_log}, {n}")
    df = n - 1 if paired else 2 * n - 2
    error = sd_log * math.sqrt((1 if paired else 2) / n)
    critical = float(scipy.stats.t.ppf(1 - alpha / 2, df))
    shift = abs(math.log1p(effect)) / error
    return float(scipy.stats.nct.sf(critical, df, shift))


def minimum_detectable_effect(
    sd_log: float, n: int, *, alpha: float = 0.05, power: float = 0.8, paired: bool = True
) -> float:
    """Smallest relative increase (0.1 is +10 %) that ``detection_power`` finds with the given power."""
    if not alpha / 2 < power < 1:
        raise ValueError(f"power lies between alpha / 2 and 1: {power}")

    def missing(log_effect: float) -> float:
        return detection_power(math.expm1(log_effect), sd_log, n, alpha=alpha, paired=paired) - power

    largest = sd_log
    while missing(largest) < 0:
        largest *= 2
    return math.expm1(float(scipy.optimize.brentq(missing, 0.0, largest)))
