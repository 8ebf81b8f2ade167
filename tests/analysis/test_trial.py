from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.analysis.distribution import BLOCKS, QUANTILES, reduce
from bench.analysis.trial import SERIES_BLOCKS
from bench.analysis.window import select
from bench.model.sample import DURATIONS, MISSING_NS, Outcome, Samples
from bench.stats.quantiles import quantiles
from tests.analysis.synthetic import (
    MS,
    S,
    closed_loop,
    open_loop,
    scenario,
    summary_of,
    trial_facts,
    with_outcomes,
)


def rows(*operations: tuple[int, ...]) -> Samples:
    return Samples.from_rows(np.array(operations, dtype=np.int64).reshape(-1, 7), worker=0, start_ns=0)


def test_closed_loop_of_fixed_service_time_gives_clients_over_service_time() -> None:
    summary = summary_of(scenario())
    assert summary.everything.throughput == 10 / 0.010
    assert summary.concurrency == pytest.approx(10)
    assert summary.everything.durations["response_time"].mean_ns == 10 * MS
    assert not summary.caveats


def test_a_pool_smaller_than_the_clients_makes_them_wait_by_littles_law() -> None:
    """20 clients on 10 connections: half of them wait, each for one service time."""
    summary = summary_of(scenario(load={"model": "closed", "clients": 20}))
    assert summary.everything.throughput == pytest.approx(1000)
    assert summary.in_use == pytest.approx(10)
    assert summary.pending == pytest.approx(10)
    assert summary.everything.durations["pool_wait"].mean_ns == pytest.approx(10 * MS)
    assert summary.everything.durations["response_time"].mean_ns == pytest.approx(20 * MS)


def test_a_closed_loop_counts_operations_by_their_completion() -> None:
    """The window is half open: [0.5 s, 2.5 s)."""
    samples = rows(
        (0, 0, 0, 499 * MS, 499 * MS, 0, 0),
        (0, 0, 0, 500 * MS, 500 * MS, 0, 0),
        (2400 * MS, 2400 * MS, 2400 * MS, 2499 * MS, 2600 * MS, 0, 0),
        (2400 * MS, 2400 * MS, 2400 * MS, 2500 * MS, 2600 * MS, 0, 0),
    )
    everything = summary_of(scenario(), samples).everything
    assert everything.outcomes == {"ok": 2}
    assert everything.throughput == 1


def test_an_open_loop_counts_operations_by_their_intended_start() -> None:
    """What was asked in the window but answered after it has its latency, and is no throughput."""
    treated = scenario(load={"model": "open", "rate": "4/s"})
    samples = rows(
        (300 * MS, 300 * MS, 300 * MS, 550 * MS, 550 * MS, 0, 0),
        (400 * MS, 400 * MS, 400 * MS, 600 * MS, 600 * MS, 0, 0),
        (500 * MS, 500 * MS, 500 * MS, 700 * MS, 700 * MS, 0, 0),
        (2400 * MS, 2400 * MS, 2400 * MS, 3400 * MS, 3400 * MS, 0, 0),
        (2499 * MS, -1, -1, -1, -1, 0, int(Outcome.NOT_SENT)),
    )
    everything = summary_of(treated, samples).everything
    assert everything.outcomes == {"ok": 2, "not_sent": 1}
    assert everything.offered_rate == 3 / 2
    assert everything.throughput == 3 / 2
    assert everything.durations["response_time"].max_ns == 1 * S


def test_operations_that_never_ended_stay_in_the_books_of_a_closed_loop() -> None:
    samples = rows(
        (0, 0, 0, 600 * MS, 600 * MS, 0, 0),
        (100 * MS, 100 * MS, 100 * MS, -1, -1, 0, int(Outcome.UNFINISHED)),
    )
    summary = summary_of(scenario(), samples)
    assert summary.everything.outcomes == {"ok": 1, "unfinished": 1}
    assert summary.concurrency == pytest.approx((0.1 + 2) / 2)


def test_failed_operations_are_beside_the_latency_distribution() -> None:
    samples = with_outcomes(closed_loop(scenario()), 4, Outcome.DEADLOCK)
    everything = summary_of(scenario(), samples).everything
    assert everything.error_rate == pytest.approx(0.25, abs=0.01)
    assert everything.durations["response_time"].n == everything.outcomes["ok"]
    assert everything.throughput * 2 == everything.outcomes["ok"]


def test_each_operation_has_its_own_figures_and_all_together_add_up() -> None:
    treated = scenario(
        operations=[{"name": "read", "sql": "select 1"}, {"name": "write", "sql": "update t set a = $1"}],
        load={"model": "closed", "clients": 1},
    )
    samples = closed_loop(treated, service_ns=lambda i: (2 + 6 * (i % 2)) * MS, operation=lambda i: i % 2)
    summary = summary_of(treated, samples)
    assert list(summary.operations) == ["*", "read", "write"]
    assert summary.operations["read"].durations["service_time"].mean_ns == 2 * MS
    assert summary.operations["write"].durations["service_time"].mean_ns == 8 * MS
    parts = summary.operations["read"].total + summary.operations["write"].total
    assert summary.everything.total == parts


def test_a_window_without_operations_is_summarised_and_invalid() -> None:
    summary = summary_of(scenario(), rows())
    assert summary.everything.total == 0
    assert [caveat.code for caveat in summary.caveats] == ["empty-window"]
    assert not summary.valid_for()


def test_series_cover_the_window_in_equal_blocks() -> None:
    everything = summary_of(scenario()).everything
    assert everything.throughput_blocks.size == SERIES_BLOCKS
    assert everything.throughput_blocks.mean() == pytest.approx(everything.throughput)
    assert everything.durations["response_time"].blocks.means_ns.size == BLOCKS


def test_failures_have_a_series_of_their_own_that_adds_up_to_their_outcomes() -> None:
    """Some are answered badly, some are never sent; the good ones keep their series."""
    treated = scenario(load={"model": "open", "rate": "1000/s"}, pool={"driver": "asyncpg", "size": 1})
    length = treated.run.warmup + treated.run.window
    starts = range(0, length, 1_000_000)
    everything = summary_of(treated, open_loop(treated, starts, service_ns=2 * MS, give_up=True)).everything
    failed = everything.total - everything.outcomes["ok"]
    assert failed > 0
    window_s = treated.run.window / 1e9
    assert everything.failure_blocks.mean() * window_s == pytest.approx(failed)
    assert everything.failure_blocks[0] < everything.failure_blocks[-1]
    assert everything.throughput_blocks.mean() == pytest.approx(everything.throughput)


def test_operations_that_never_ended_stand_at_the_end_of_the_window() -> None:
    stuck = (500 * MS, 500 * MS, 500 * MS, MISSING_NS, MISSING_NS, 0, int(Outcome.UNFINISHED))
    everything = summary_of(scenario(), rows(stuck)).everything
    assert everything.failure_blocks.sum() == everything.failure_blocks[-1] > 0


def test_samples_are_not_kept_alive_by_the_summary() -> None:
    samples = closed_loop(scenario())
    column = weakref.ref(samples.completed_ns)
    summary = summary_of(scenario(), samples)
    del samples
    gc.collect()
    assert column() is None
    assert summary.everything.durations["response_time"].n == 2000


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(min_value=0, max_value=10**11), min_size=1, max_size=300))
def test_a_reduced_column_keeps_sum_and_extremes_exactly_and_quantiles_within_a_thousandth(values: list[int]) -> None:
    column = np.array(values, dtype=np.int64)
    kept = reduce(column, [len(values) // 2])
    assert (kept.n, kept.total_ns, kept.min_ns, kept.max_ns) == (len(values), sum(values), min(values), max(values))
    for q in QUANTILES.values():
        exact = quantiles(column, [q])[0]
        assert exact <= kept.quantile_ns(q) <= exact * (1 + 1 / 1024) + 1


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 3 * S), st.integers(0, 10**8), st.integers(0, 10**8), st.sampled_from(list(Outcome))),
        max_size=60,
    ),
    st.sampled_from([{"model": "closed", "clients": 3}, {"model": "open", "rate": "9/s"}]),
)
def test_no_operation_is_counted_twice_or_in_two_outcomes(
    drawn: list[tuple[int, int, int, Outcome]], load: dict[str, object]
) -> None:
    treated = scenario(load=load)
    samples = rows(
        *[
            (start, start, start + wait, start + wait + service, start + wait + service, 0, int(outcome))
            for start, wait, service, outcome in drawn
        ]
    )
    window = select(samples, trial_facts(treated), treated.load)
    everything = summary_of(treated, samples).everything
    assert everything.total == int(window.counted.sum()) <= len(samples)
    assert all(everything.durations[name].n == everything.outcomes.get("ok", 0) for name in DURATIONS)
    assert everything.throughput <= len(samples) / 2


def test_an_open_loop_below_capacity_does_not_wait() -> None:
    """D/D/1 at 50 % load has no queue."""
    treated = scenario(load={"model": "open", "rate": "500/s", "arrival": "constant"}, pool={"size": 1})
    everything = summary_of(treated, open_loop(treated, range(0, 2500 * MS, 2 * MS))).everything
    assert everything.offered_rate == 500
    assert everything.durations["response_time"].max_ns == MS
