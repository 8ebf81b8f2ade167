from __future__ import annotations

import math
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bench.stats.estimate import Estimate, Refused
from bench.stats.histogram import record
from bench.stats.quantiles import quantiles
from bench.stats.replicates import (
    _u_ranks_outside,
    bootstrap_paired_ratio,
    hodges_lehmann,
    mean_interval,
    paired_ratio,
    quantile_over_replicates,
    unpaired_ratio,
)

if TYPE_CHECKING:
    from bench.stats.histogram import IntArray

bounded = settings(max_examples=60, deadline=None, derandomize=True, database=None)
positive = st.floats(0.1, 10)
RUNS = 600


def covers(found: Estimate | Refused, truth: float) -> bool:
    assert isinstance(found, Estimate)
    return found.low <= truth <= found.high


def least_hits(coverage: float, runs: int = RUNS) -> float:
    """Fewest hits that a coverage allows; a correct interval fails this once in 10,000."""
    return float(stats.binom.ppf(1e-4, runs, coverage))


def test_the_mean_interval_is_students() -> None:
    values = [101.0, 99.0, 103.0, 97.0, 100.5]
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    found = mean_interval(values, unit="1/s")
    assert isinstance(found, Estimate)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert (found.n, found.unit) == (5, "1/s")


def test_equal_replicates_give_an_interval_of_no_width() -> None:
    assert mean_interval([5.0, 5.0, 5.0]) == Estimate(5.0, 5.0, 5.0, 0.95, 3, "1")
    found = paired_ratio([1.0, 4.0], [1.5, 6.0])
    assert isinstance(found, Estimate)
    assert (found.low, found.high) == pytest.approx((1.5, 1.5))


def test_one_replicate_has_no_interval() -> None:
    assert mean_interval([5.0]) == Refused("1 replicate(s) cannot show how replicates differ", 1, 2)
    assert isinstance(quantile_over_replicates([np.arange(10_000)], 0.5), Refused)
    assert isinstance(paired_ratio([1.0], [2.0]), Refused)
    assert isinstance(unpaired_ratio([1.0], [2.0, 3.0]), Refused)
    assert isinstance(bootstrap_paired_ratio([1.0], [2.0], np.random.default_rng(0)), Refused)


@bounded
@given(st.lists(st.lists(st.integers(1, 10**9), min_size=30, max_size=60), min_size=2, max_size=6))
def test_the_point_is_the_quantile_of_all_samples_together_and_inside_its_interval(trials: list[list[int]]) -> None:
    """Never the average of the trials' percentiles."""
    columns: list[IntArray] = [np.array(trial, dtype=np.int64) for trial in trials]
    found = quantile_over_replicates(columns, 0.9)
    assert isinstance(found, Estimate)
    assert found.point == quantiles(np.concatenate(columns), [0.9])[0]
    assert 0 <= found.low <= found.point <= found.high
    assert found.n == len(trials)


@pytest.mark.parametrize(("q", "trials", "size"), [(0.5, 5, 200), (0.95, 5, 500), (0.95, 3, 500), (0.99, 5, 1_000)])
def test_the_interval_covers_the_marginal_quantile_when_trials_differ(q: float, trials: int, size: int) -> None:
    """Trials 5 % apart, lognormal within: at least 92 % coverage at level 0.95."""
    rng = np.random.default_rng(trials * size)
    truth = 1e6 * math.exp(math.hypot(0.05, 0.8) * float(stats.norm.ppf(q)))
    hits = 0
    for _ in range(RUNS):
        scale = 1e6 * np.exp(rng.normal(0, 0.05, (trials, 1)))
        columns = (scale * np.exp(rng.normal(0, 0.8, (trials, size)))).astype(np.int64)
        hits += covers(quantile_over_replicates(list(columns), q), truth)
    assert hits >= least_hits(0.92)


def test_an_interval_that_took_requests_for_the_unit_would_miss() -> None:
    """The same trials, all requests thrown together as independent: the interval is far too narrow."""
    rng = np.random.default_rng(5)
    hits = 0
    for _ in range(RUNS):
        scale = 1e6 * np.exp(rng.normal(0, 0.05, (5, 1)))
        logs = np.log(scale * np.exp(rng.normal(0, 0.1, (5, 2_000))))
        hits += covers(mean_interval(logs.ravel().tolist()), math.log(1e6))
    assert hits < 0.2 * RUNS


def test_histograms_and_arrays_give_the_same_estimate_within_a_thousandth() -> None:
    rng = np.random.default_rng(6)
    columns: list[IntArray] = [rng.lognormal(14, 1, 2_000).astype(np.int64) for _ in range(5)]
    exact = quantile_over_replicates(columns, 0.99)
    binned = quantile_over_replicates([record(column) for column in columns], 0.99)
    assert isinstance(exact, Estimate)
    assert isinstance(binned, Estimate)
    assert binned.point == pytest.approx(exact.point, rel=0.001)
    assert (binned.low, binned.high) == pytest.approx((exact.low, exact.high), rel=0.005)


def test_waits_of_zero_keep_an_interval_that_starts_at_zero() -> None:
    """A pool that is mostly free has a median wait of 0 ns, which has no logarithm."""
    waits: list[IntArray] = [np.array([0] * 90 + [1_000] * 10), np.array([0] * 40 + [2_000] * 60)]
    found = quantile_over_replicates(waits, 0.5)
    assert isinstance(found, Estimate)
    assert (found.point, found.low) == (0.0, 0.0)
    assert found.high > 0


def test_a_tail_that_all_trials_together_cannot_show_is_refused() -> None:
    trials: list[IntArray] = [np.arange(1, 500) for _ in range(5)]
    assert quantile_over_replicates(trials, 0.999) == Refused(
        "p99.9 at level 0.95 needs 2,995 samples, there are 2,495", 2_495, 2_995
    )
    assert isinstance(quantile_over_replicates([*trials, np.arange(0)], 0.5), Refused)


@bounded
@given(st.lists(st.tuples(positive, positive), min_size=2, max_size=12))
def test_a_ratio_and_its_reciprocal_mirror_each_other(pairs: list[tuple[float, float]]) -> None:
    baseline, candidate = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    for ratio in (paired_ratio, unpaired_ratio):
        there, back = ratio(baseline, candidate), ratio(candidate, baseline)
        assert isinstance(there, Estimate)
        assert isinstance(back, Estimate)
        assert there.point * back.point == pytest.approx(1)
        assert there.low * back.high == pytest.approx(1, rel=1e-6)


def test_pairing_takes_out_what_both_sides_of_a_block_share() -> None:
    blocks = np.array([100.0, 130.0, 80.0, 150.0, 60.0])
    paired = paired_ratio(blocks.tolist(), (1.1 * blocks * [1.01, 0.99, 1.0, 1.01, 0.99]).tolist())
    unpaired = unpaired_ratio(blocks.tolist(), (1.1 * blocks * [1.01, 0.99, 1.0, 1.01, 0.99]).tolist())
    assert isinstance(paired, Estimate)
    assert isinstance(unpaired, Estimate)
    assert paired.low > 1 > unpaired.low


def test_a_value_of_zero_has_no_ratio_and_says_so() -> None:
    assert paired_ratio([0.0, 1.0], [1.0, 1.0]) == Refused("a value of zero has no ratio: compare differences", 2, None)


def test_a_value_that_is_no_number_is_an_error() -> None:
    with pytest.raises(ValueError, match="finite values"):
        paired_ratio([1.0, math.nan], [1.0, 1.0])


def test_unequal_numbers_are_not_pairs() -> None:
    with pytest.raises(ValueError, match="3 against 2"):
        paired_ratio([1.0, 2.0, 3.0], [1.0, 2.0])


def test_the_ratio_intervals_cover_the_truth() -> None:
    """5 pairs with 4 % noise: Student's t and Welch's t at 95 %; BCa with 12 pairs at least 90 %."""
    rng = np.random.default_rng(8)
    hits = {"paired": 0, "unpaired": 0, "bootstrap": 0}
    for _ in range(RUNS):
        before, after = np.exp(rng.normal(0, 0.04, (2, 12)))
        hits["paired"] += covers(paired_ratio(before[:5].tolist(), (1.1 * after[:5]).tolist()), 1.1)
        hits["unpaired"] += covers(unpaired_ratio(before[:5].tolist(), (1.1 * after[:8]).tolist()), 1.1)
        bootstrapped = bootstrap_paired_ratio(before.tolist(), (1.1 * after).tolist(), rng, resamples=500)
        hits["bootstrap"] += covers(bootstrapped, 1.1)
    assert hits["paired"] >= least_hits(0.95)
    assert hits["unpaired"] >= least_hits(0.95)
    assert hits["bootstrap"] >= least_hits(0.9)


def test_the_same_seed_gives_the_same_bootstrap() -> None:
    before, after = [1.0, 2.0, 3.0, 4.0, 5.0], [1.2, 2.1, 3.5, 4.1, 5.9]
    first, second = (bootstrap_paired_ratio(before, after, np.random.default_rng(3)) for _ in range(2))
    assert first == second


def test_bootstrapping_equal_ratios_is_no_crash() -> None:
    found = bootstrap_paired_ratio([1.0, 2.0, 4.0], [2.0, 4.0, 8.0], np.random.default_rng(0))
    assert isinstance(found, Estimate)
    assert (found.low, found.high) == pytest.approx((2, 2))


@pytest.mark.parametrize(("n_a", "n_b"), [(3, 3), (4, 5), (6, 6), (2, 9)])
def test_the_rank_interval_leaves_out_what_the_exact_rank_law_allows(n_a: int, n_b: int) -> None:
    """Against an enumeration of every arrangement of the ranks."""
    total = n_a + n_b
    u = [sum(picked) - n_a * (n_a - 1) // 2 for picked in combinations(range(total), n_a)]
    outside = _u_ranks_outside(n_a, n_b, 0.95)
    share = [sum(value <= limit for value in u) / len(u) for limit in (outside - 1, outside)]
    assert share[0] <= 0.025 < share[1]


def test_three_against_three_cannot_bound_a_shift() -> None:
    assert hodges_lehmann([1, 2, 3], [4, 5, 6]) == Refused(
        "3 against 3 trials cannot bound a shift at level 0.95", 3, 4
    )
    assert isinstance(hodges_lehmann([1, 2, 3, 4], [4, 5, 6, 7]), Estimate)
    nothing = hodges_lehmann([], [4, 5, 6, 7])
    assert isinstance(nothing, Refused)
    assert nothing.needed == 4


def test_one_wild_trial_hardly_moves_the_shift() -> None:
    before, after = [10.0, 11.0, 12.0, 13.0, 14.0], [12.0, 13.0, 14.0, 15.0, 16_000.0]
    found = hodges_lehmann(before, after, unit="ms")
    assert isinstance(found, Estimate)
    assert 1 <= found.point <= 4


def test_the_shift_interval_covers_the_truth_whatever_the_distribution() -> None:
    """Cauchy noise, which has not even a mean."""
    rng = np.random.default_rng(9)
    hits = 0
    for _ in range(RUNS):
        before, after = rng.standard_cauchy(6), rng.standard_cauchy(6) + 3
        hits += covers(hodges_lehmann(before.tolist(), after.tolist()), 3.0)
    assert hits >= least_hits(0.95)
