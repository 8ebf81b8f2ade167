from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bench.stats.autocorrelation import effective_sample_size, lag1
from bench.stats.blocks import block_values, quantile_over_blocks, series_mean
from bench.stats.estimate import Estimate, Refused

if TYPE_CHECKING:
    from bench.stats.histogram import IntArray

bounded = settings(max_examples=60, deadline=None, derandomize=True, database=None)
RUNS = 400


def autoregressive(rng: np.random.Generator, n: int, r: float, sd: float = 5.0) -> list[float]:
    """Make a series round 100 whose neighbours correlate by ``r``."""
    value = rng.normal()
    series = []
    for innovation in rng.normal(0, math.sqrt(1 - r * r), n):
        value = r * value + innovation
        series.append(100 + sd * value)
    return series


@bounded
@given(st.lists(st.integers(0, 10**10), min_size=1, max_size=200), st.integers(1, 12))
def test_blocks_keep_every_value_and_cut_time_evenly(times: list[int], blocks: int) -> None:
    column: IntArray = np.array(times, dtype=np.int64)
    parts = block_values(column, column, blocks)
    assert len(parts) == blocks
    assert sorted(np.concatenate(parts).tolist()) == sorted(times)
    width = (max(times) - min(times) + 1) / blocks
    assert all(np.ptp(part) <= width for part in parts if part.size)
    assert all(a.max() < b.min() for a, b in itertools.pairwise(parts) if a.size and b.size)


def test_values_follow_their_times_and_not_their_order() -> None:
    parts = block_values(np.array([90, 5, 50, 99, 0]), np.array([1, 2, 3, 4, 5]), 2)
    assert [part.tolist() for part in parts] == [[2, 5], [1, 3, 4]]


@pytest.mark.parametrize("blocks", [0, -1])
def test_nothing_cuts_into_no_blocks(blocks: int) -> None:
    with pytest.raises(ValueError, match="do not cut"):
        block_values(np.arange(3), np.arange(3), blocks)


@pytest.mark.parametrize("r", [0.0, 0.3, 0.6])
def test_memory_is_seen_and_counted(r: float) -> None:
    series = autoregressive(np.random.default_rng(1), 4_000, r)
    assert lag1(series) == pytest.approx(r, abs=0.06)
    assert effective_sample_size(series) == pytest.approx(4_000 * (1 - r) / (1 + r), rel=0.2)


def test_a_constant_series_has_no_memory_and_an_alternating_one_gains_nothing() -> None:
    assert (lag1([0.1] * 50), effective_sample_size([7.0] * 50)) == (0.0, 50)
    assert effective_sample_size([1.0, 2.0] * 25) == 50


def test_two_values_show_no_memory() -> None:
    with pytest.raises(ValueError, match="at least 3"):
        lag1([1.0, 2.0])


@pytest.mark.parametrize(("n", "r", "coverage"), [(20, 0.0, 0.94), (30, 0.3, 0.92), (60, 0.6, 0.9)])
def test_the_mean_of_a_series_with_memory_is_covered(n: int, r: float, coverage: float) -> None:
    rng = np.random.default_rng(n)
    hits = 0
    for _ in range(RUNS):
        found = series_mean(autoregressive(rng, n, r))
        assert isinstance(found, Estimate)
        hits += found.low <= 100 <= found.high
    assert hits >= stats.binom.ppf(1e-4, RUNS, coverage)


def test_the_p95_of_a_queue_is_covered_by_ten_blocks_of_one_trial() -> None:
    """M/M/1 at 70 % load, 10,000 operations: the response time is exponential with mean S / (1 - rho)."""
    rng = np.random.default_rng(3)
    truth = -math.log(0.05) * 1e6 / 0.3
    hits = 0
    for _ in range(RUNS):
        gaps, services = rng.exponential(1e6 / 0.7, 10_000), rng.exponential(1e6, 10_000)
        backlog = np.cumsum(services - gaps)
        responses = backlog - np.minimum.accumulate(np.minimum(backlog, 0)) + rng.exponential(1e6, 10_000)
        blocks = block_values(np.cumsum(gaps).astype(np.int64), responses.astype(np.int64), 10)
        found = quantile_over_blocks(blocks, 0.95)
        assert isinstance(found, Estimate)
        hits += found.low <= truth <= found.high
    assert hits >= stats.binom.ppf(1e-4, RUNS, 0.92)


def test_too_few_blocks_or_samples_are_refused() -> None:
    assert series_mean([1.0] * 7) == Refused("7 blocks do not show how blocks differ", 7, 8)
    few: list[IntArray] = [np.arange(1, 20)] * 7
    assert isinstance(quantile_over_blocks([*few, np.arange(0)], 0.5), Refused)
    assert quantile_over_blocks([np.arange(1, 20)] * 10, 0.99) == Refused(
        "p99 at level 0.95 needs 299 samples, there are 190", 190, 299
    )
