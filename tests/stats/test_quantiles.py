from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bench.stats.estimate import Estimate, Refused
from bench.stats.histogram import record
from bench.stats.quantiles import interval_ranks, pool, quantile_interval, quantiles, rank, smallest_n, values_at_ranks

if TYPE_CHECKING:
    from bench.stats.histogram import IntArray

bounded = settings(max_examples=100, deadline=None, derandomize=True, database=None)


@bounded
@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=200), st.integers(1, 9_999))
def test_a_quantile_is_the_smallest_value_that_enough_values_do_not_exceed(values: list[int], share: int) -> None:
    """Counted in whole ten-thousandths, so that no rounding of q can hide."""
    found = quantiles(np.array(values, dtype=np.int64), [share / 10_000])[0]
    assert found in values
    assert 10_000 * sum(value <= found for value in values) >= share * len(values)
    assert 10_000 * sum(value < found for value in values) < share * len(values)


def test_quantiles_agree_with_numpys_inverted_cdf() -> None:
    values = np.random.default_rng(1).integers(0, 10**9, 10_007)
    qs = [0.25, 0.5, 0.9, 0.95, 0.99, 0.999]
    assert quantiles(values, qs) == np.quantile(values, qs, method="inverted_cdf").tolist()


def test_q_is_read_as_the_decimal_it_is_written_as() -> None:
    """0.07 * 100 is a little more than 7 in binary, but the 7th of 100 values is meant."""
    assert (rank(0.07, 100), rank(0.95, 20), rank(0.999, 1000), rank(1.0, 3)) == (7, 19, 999, 3)


@pytest.mark.parametrize(("q", "n"), [(0.0, 10), (1.5, 10), (0.5, 0)])
def test_no_rank_without_a_share_or_without_values(q: float, n: int) -> None:
    with pytest.raises(ValueError, match="0 < q <= 1"):
        rank(q, n)


@pytest.mark.parametrize(
    ("q", "level", "needed"),
    [
        (0.95, 0.95, 59),
        (0.99, 0.95, 299),
        (0.999, 0.95, 2_995),
        (0.9999, 0.95, 29_956),
        (0.95, 0.99, 90),
        (0.5, 0.95, 6),
    ],
)
def test_the_smallest_n_follows_from_the_formula(q: float, level: float, needed: int) -> None:
    assert smallest_n(q, level) == needed
    assert smallest_n(round(1 - q, 6), level) == needed


@bounded
@given(st.integers(1, 2_000), st.integers(1, 999), st.sampled_from([0.5, 0.8, 0.9, 0.95, 0.99]))
def test_interval_ranks_cover_by_the_binomial_law_or_n_is_too_small(n: int, thousandths: int, level: float) -> None:
    q = thousandths / 1000
    ranks = interval_ranks(q, n, level)
    if ranks is None:
        assert n < smallest_n(q, level)
        return
    low, high = ranks
    assert 1 <= low <= rank(q, n) <= high <= n
    assert stats.binom.cdf(high - 1, n, q) - stats.binom.cdf(low - 1, n, q) >= level - 1e-9


@pytest.mark.parametrize(("q", "n"), [(0.5, 40), (0.95, 60), (0.95, 500), (0.99, 1_000)])
def test_the_order_statistic_interval_covers_the_true_quantile(q: float, n: int) -> None:
    """1,000 exponential samples; fewer hits than the 1-in-10,000 limit of a 95 % coin would be a bug."""
    rng = np.random.default_rng(n)
    truth = -np.log(1 - q) * 1e9
    hits = 0
    for _ in range(1_000):
        found = quantile_interval(rng.exponential(1e9, n).astype(np.int64), q)
        assert isinstance(found, Estimate)
        hits += found.low <= truth <= found.high
    assert hits >= stats.binom.ppf(1e-4, 1_000, 0.95)


def test_too_few_samples_are_refused_with_the_number_that_would_do() -> None:
    refused = quantile_interval(np.arange(298), 0.99)
    assert refused == Refused("p99 at level 0.95 needs 299 samples, there are 298", 298, 299)
    assert isinstance(quantile_interval(np.arange(299), 0.99), Estimate)


def test_an_interval_from_a_histogram_is_that_of_the_samples_within_a_thousandth() -> None:
    values = np.random.default_rng(4).lognormal(13, 1, 5_000).astype(np.int64)
    exact, binned = quantile_interval(values, 0.99), quantile_interval(record(values), 0.99)
    assert isinstance(exact, Estimate)
    assert isinstance(binned, Estimate)
    for end in ("point", "low", "high"):
        assert getattr(exact, end) <= getattr(binned, end) <= 1.001 * getattr(exact, end)


def test_pooling_takes_arrays_or_histograms_but_not_both() -> None:
    parts: list[IntArray] = [np.array([1, 2]), np.array([3])]
    assert quantiles(pool(parts), [0.5, 1.0]) == [2, 3]
    assert quantiles(pool([record(part) for part in parts]), [0.5, 1.0]) == [2, 3]
    with pytest.raises(TypeError, match="all arrays or all histograms"):
        pool([parts[0], record(parts[1])])


def test_a_rank_beyond_the_samples_is_an_error() -> None:
    samples: IntArray = np.array([5, 6, 7])
    for source in (samples, record(samples)):
        assert values_at_ranks(source, [3, 1]) == [7, 5]
        for wrong in (0, 4):
            with pytest.raises(ValueError, match=r"not all within 1\.\.3"):
                values_at_ranks(source, [1, wrong])


@pytest.mark.parametrize(("q", "level"), [(1.0, 0.95), (0.0, 0.95), (0.5, 1.0)])
def test_no_number_of_samples_bounds_the_unbounded(q: float, level: float) -> None:
    with pytest.raises(ValueError, match="both excluded"):
        smallest_n(q, level)
