from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bench.stats.estimate import Estimate, Refused
from bench.stats.scalability import Usl, UslEstimate, estimate_usl, fit_usl

bounded = settings(max_examples=40, deadline=None, derandomize=True, database=None)
LEVELS = [1, 2, 4, 8, 12, 16, 24, 32, 48]


def trials(curve: Usl, rng: np.random.Generator, sd_log: float = 0.03, n: int = 4) -> list[list[float]]:
    return [[curve.throughput(level) * math.exp(rng.normal(0, sd_log)) for _ in range(n)] for level in LEVELS]


def test_a_published_curve_is_fitted_as_published() -> None:
    """SPEC SDM91 on a SPARCcenter 2000, the example of the R package usl: its coefficients and its peak of 96.5."""
    levels = [1, 18, 36, 72, 108, 144, 216]
    curve = fit_usl(levels, [64.9, 995.9, 1652.4, 1853.2, 1828.9, 1775.0, 1702.2])
    assert isinstance(curve, Usl)
    assert (curve.gamma, curve.sigma, curve.kappa) == pytest.approx((89.9952, 0.0277285, 0.00010437), rel=1e-4)
    assert curve.peak == pytest.approx(96.5, abs=0.1)


@bounded
@given(st.floats(1, 1e5), st.floats(0, 0.5), st.floats(1e-5, 0.02))
def test_a_curve_without_noise_is_found_again(gamma: float, sigma: float, kappa: float) -> None:
    truth = Usl(gamma, sigma, kappa)
    found = fit_usl(LEVELS, [truth.throughput(level) for level in LEVELS])
    assert isinstance(found, Usl)
    predicted = [found.throughput(level) for level in LEVELS]
    assert predicted == pytest.approx([truth.throughput(level) for level in LEVELS], rel=1e-3)


def test_coefficients_stay_within_their_bounds_where_the_data_leave_the_law() -> None:
    """Superlinear, and throughput that halves from one level to the next."""
    for throughput in ([1, 3, 9, 27, 50, 80, 120, 200, 400], [100, 50, 25, 12, 6, 3, 2, 1, 1]):
        curve = fit_usl(LEVELS, throughput)
        assert isinstance(curve, Usl)
        assert curve.gamma > 0
        assert 0 <= curve.sigma <= 1
        assert curve.kappa >= 0


def test_the_intervals_cover_the_truth() -> None:
    """3 % noise, 4 trials a level: at least 88 % for each coefficient and the peak."""
    rng = np.random.default_rng(1)
    truth = Usl(1_000, 0.05, 0.002)
    hits = np.zeros(4)
    runs = 60
    for _ in range(runs):
        found = estimate_usl(LEVELS, trials(truth, rng), rng, resamples=60)
        assert isinstance(found, UslEstimate)
        assert isinstance(found.peak, Estimate)
        estimates = (found.gamma, found.sigma, found.kappa, found.peak)
        true_values = (truth.gamma, truth.sigma, truth.kappa, truth.peak)
        hits += [estimate.low <= value <= estimate.high for estimate, value in zip(estimates, true_values, strict=True)]
        assert found.r_squared > 0.97
    assert (hits >= stats.binom.ppf(1e-4, runs, 0.88)).all()


def test_without_coherency_cost_there_is_no_peak_to_name() -> None:
    rng = np.random.default_rng(2)
    found = estimate_usl(LEVELS, trials(Usl(1_000, 0.05, 0.0), rng), rng, resamples=100)
    assert isinstance(found, UslEstimate)
    assert isinstance(found.peak, Refused)
    assert "kappa may be zero" in found.peak.reason


def test_a_peak_beyond_the_measured_levels_is_refused() -> None:
    rng = np.random.default_rng(3)
    found = estimate_usl(LEVELS, trials(Usl(1_000, 0.02, 0.0002), rng, sd_log=0.001), rng, resamples=100)
    assert isinstance(found, UslEstimate)
    assert found.peak == Refused("N* = 70 lies outside the measured levels 1 to 48", 4, None)


def test_three_levels_do_not_make_a_curve() -> None:
    assert fit_usl([1, 2, 2, 4], [10, 18, 19, 30]) == Refused(
        "3 different level(s) do not determine a curve of three parameters", 3, 4
    )
    found = estimate_usl([1, 2, 4], [[10, 11], [18, 19], [30, 31]], np.random.default_rng(0))
    assert isinstance(found, Refused)


def test_one_trial_a_level_has_no_intervals() -> None:
    found = estimate_usl(LEVELS, [[10.0]] * len(LEVELS), np.random.default_rng(0))
    assert isinstance(found, Refused)
    assert found.needed == 2


def test_the_same_seed_gives_the_same_intervals() -> None:
    measured = trials(Usl(1_000, 0.05, 0.002), np.random.default_rng(4))
    first, second = (estimate_usl(LEVELS, measured, np.random.default_rng(5), resamples=30) for _ in range(2))
    assert first == second


def test_a_level_without_throughput_is_refused() -> None:
    assert fit_usl([1, 2, 3, 4], [1, 2, 0, 4]) == Refused(
        "a level without throughput is no point of a scalability curve", 4, None
    )


def test_a_curve_measured_only_where_it_falls_still_gets_a_fit() -> None:
    """Its straight-line start would need a negative 1 / gamma."""
    levels = [8, 16, 32, 64]
    throughput = [1e4 * n / (n * n - 40) for n in levels]
    curve = fit_usl(levels, throughput)
    assert isinstance(curve, Usl)
    assert curve.throughput(8) == pytest.approx(throughput[0], rel=0.2)
    assert curve.peak < 8


def test_levels_and_throughputs_that_do_not_match_are_an_error() -> None:
    for levels in ([1, 2, 3], [0, 1, 2, 3]):
        with pytest.raises(ValueError, match="for each level above zero"):
            fit_usl(levels, [1, 2, 3, 4])
    with pytest.raises(ValueError, match="4 levels, but trials of 2"):
        estimate_usl([1, 2, 3, 4], [[1.0, 2.0]] * 2, np.random.default_rng(0))
