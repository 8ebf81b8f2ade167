from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.stats import histogram
from bench.stats.histogram import COUNTS_LENGTH, HIGHEST_NS, LOWEST_NS, SIGNIFICANT_DIGITS, from_counts, merge, record
from bench.stats.quantiles import quantiles

bounded = settings(max_examples=60, deadline=None, derandomize=True, database=None)
durations = st.lists(st.integers(0, HIGHEST_NS), min_size=1, max_size=60)


def column(values: list[int]) -> histogram.IntArray:
    return np.array(values, dtype=np.int64)


def foreign() -> Any:
    return HdrHistogram(LOWEST_NS, HIGHEST_NS, SIGNIFICANT_DIGITS)


@bounded
@given(durations)
def test_counts_have_the_layout_of_hdrhistogram(values: list[int]) -> None:
    """What the library records one by one is, counter for counter, what is binned here at once."""
    peer = foreign()
    assert all(peer.record_value(value) for value in values)
    assert peer.counts_len == COUNTS_LENGTH
    assert list(peer.counts) == record(column(values)).counts.tolist()


def test_every_power_of_two_and_its_neighbours_fall_into_the_buckets_of_hdrhistogram() -> None:
    peer = foreign()
    values = [v for bit in range(HIGHEST_NS.bit_length()) for v in (2**bit - 1, 2**bit, 2**bit + 1) if v <= HIGHEST_NS]
    assert histogram._index(column(values)).tolist() == [peer.get_counts_array_index(value) for value in values]


def test_counts_written_by_the_library_open_as_the_same_histogram() -> None:
    """Encoded by HdrHistogram, decoded by HdrHistogram: the same counts and the same percentiles."""
    values = (np.random.default_rng(1).pareto(1.5, 20_000) * 1e6).astype(np.int64)
    ours = record(values)
    written = foreign()
    ctypes.memmove(written.counts, ours.counts.ctypes.data, ours.counts.nbytes)
    filled = np.flatnonzero(ours.counts)
    written.set_internal_tacking_values(int(filled[0]), int(filled[-1]), ours.n)
    opened = HdrHistogram.decode(written.encode())
    assert opened.get_total_count() == ours.n
    assert from_counts(np.array(opened.counts, dtype=np.int64)).counts.tolist() == ours.counts.tolist()
    assert [opened.get_value_at_percentile(p) for p in (50, 95, 99)] == quantiles(ours, [0.5, 0.95, 0.99])


@bounded
@given(st.lists(durations, min_size=1, max_size=5))
def test_merged_is_the_same_as_recorded_together(parts: list[list[int]]) -> None:
    merged = merge([record(column(part)) for part in parts])
    together = record(column([value for part in parts for value in part]))
    assert merged.counts.tolist() == together.counts.tolist()
    assert (merged.n, merged.min_ns, merged.max_ns) == (together.n, together.min_ns, together.max_ns)


@bounded
@given(durations, st.sampled_from([0.01, 0.5, 0.9, 0.95, 0.99, 0.999, 1.0]))
def test_a_quantile_is_never_below_the_exact_one_and_at_most_a_thousandth_above(values: list[int], q: float) -> None:
    exact = quantiles(column(values), [q])[0]
    assert exact <= quantiles(record(column(values)), [q])[0] <= exact * 1.001


@pytest.mark.parametrize("shape", [0.7, 1.1, 2.5])
def test_heavy_tails_keep_the_error_below_a_thousandth(shape: float) -> None:
    """A million Pareto-distributed durations, merged from four workers, against the sorted column."""
    tail = np.random.default_rng(int(shape * 10)).pareto(shape, 1_000_000)
    values = np.minimum((1 + tail) * 300_000, HIGHEST_NS).astype(np.int64)
    qs = [0.5, 0.9, 0.95, 0.99, 0.999, 0.9999, 1.0]
    exact = np.array(quantiles(values, qs))
    merged = np.array(quantiles(merge([record(part) for part in np.split(values, 4)]), qs))
    assert (np.abs(merged / exact - 1) <= 0.001).all()


def test_the_mean_is_within_half_a_thousandth() -> None:
    values = (np.random.default_rng(2).lognormal(14, 1.5, 50_000)).astype(np.int64)
    assert record(values).mean_ns() == pytest.approx(values.mean(), rel=0.0005)


@pytest.mark.parametrize("value", [-1, HIGHEST_NS + 1])
def test_a_duration_outside_the_range_is_an_error_and_never_dropped(value: int) -> None:
    with pytest.raises(ValueError, match="1 of 3 durations lie outside"):
        record(column([5, value, 7]))


def test_durations_that_would_have_to_be_rounded_are_refused() -> None:
    with pytest.raises(TypeError, match="integer nanoseconds"):
        record(np.array([0.5]))


def test_nothing_recorded_is_an_empty_histogram_that_merges_without_a_trace() -> None:
    empty, some = record(column([])), record(column([7, 9]))
    assert (empty.n, merge([empty]).n) == (0, 0)
    merged = merge([empty, some])
    assert (merged.n, merged.min_ns, merged.max_ns) == (2, 7, 9)
    with pytest.raises(ValueError, match="no mean"):
        empty.mean_ns()


def test_extremes_read_back_from_counts_are_the_bounds_of_their_buckets() -> None:
    values = column([1_000_003, 5_000_000_001])
    again = from_counts(np.trim_zeros(record(values).counts, "b"))
    assert again.min_ns <= 1_000_003 < 1.001 * again.min_ns
    assert 5_000_000_001 <= again.max_ns < 1.001 * 5_000_000_001
    assert from_counts(column([])).n == 0


@pytest.mark.parametrize("counts", [[1, -1], [0] * (COUNTS_LENGTH + 1)])
def test_counts_of_another_layout_are_refused(counts: list[int]) -> None:
    with pytest.raises(ValueError, match="not counts of this layout"):
        from_counts(column(counts))


def test_a_recorded_histogram_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="read-only"):
        record(column([1])).counts[0] = 5
