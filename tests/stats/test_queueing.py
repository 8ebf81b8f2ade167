from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.stats.estimate import Refused
from bench.stats.queueing import (
    erlang_c,
    least_mean,
    little,
    md1_wait_cdf,
    md1_wait_quantile_s,
    mg1_mean_wait_s,
    mmc_mean_wait_s,
    mmc_wait_quantile_s,
    pool_size_for_wait,
    pool_size_prior,
    throughput_bound,
    throughput_cap,
    utilisation,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

bounded = settings(max_examples=100, deadline=None, derandomize=True, database=None)


def md1_waits(rho: float, n: int) -> NDArray[np.float64]:
    """Simulate the waits of an M/D/1 queue with service time 1, by Lindley's recursion."""
    steps = np.cumsum(1 - np.random.default_rng(1).exponential(1 / rho, n))
    waits: NDArray[np.float64] = steps - np.minimum.accumulate(np.minimum(steps, 0))
    return waits


def test_a_claim_that_no_closed_loop_can_meet_is_caught() -> None:
    """5,619/s, 100 clients and a p95 of 989 ms contradict each other: at that p95 the loop does 2,022/s at most."""
    assert throughput_cap(100, 0.95, 0.989) == pytest.approx(2_022, abs=1)
    assert throughput_cap(100, 0.95, 0.989) < 5_619
    assert throughput_cap(100, 0.95, 0.989, think_s=0.1) < 700
    assert throughput_cap(100, 0.95, 0.0) == math.inf


@bounded
@given(st.lists(st.floats(0, 1e3), min_size=1, max_size=100), st.floats(0.01, 0.99))
def test_no_sample_has_a_mean_below_what_its_quantile_implies(values: list[float], q: float) -> None:
    found = float(np.quantile(values, q, method="inverted_cdf"))
    assert np.mean(values) >= least_mean(q, found) * (1 - 1e-12)


def test_littles_law_shows_a_gap_with_its_sign() -> None:
    assert little(50, 1_000, 0.05) == pytest.approx(0)
    assert little(50, 1_000, 0.06) == pytest.approx(0.2)
    with pytest.raises(ValueError, match="above zero"):
        little(0, 1, 1)


def test_utilisation_is_the_busy_share_of_each_server() -> None:
    assert utilisation(800, 0.01, 10) == pytest.approx(0.8)


@pytest.mark.parametrize(
    ("clients", "think_s", "demand_s", "bound"),
    [(10, 0.0, 0.0, 200), (10, 0.05, 0.0, 100), (10, 0.0, 0.02, 50), (1, 0.0, 0.02, 20)],
)
def test_a_closed_loop_is_bounded_by_its_clients_and_by_its_bottleneck(
    clients: int, think_s: float, demand_s: float, bound: float
) -> None:
    assert throughput_bound(clients, 0.05, think_s, demand_s) == pytest.approx(bound)


def test_an_unknown_demand_or_response_time_bounds_nothing() -> None:
    assert throughput_bound(10, 0.0) == math.inf
    assert throughput_bound(10, 0.05, demand_s=0.02, servers=2) == pytest.approx(100)


@pytest.mark.parametrize(("servers", "offered", "waiting"), [(1, 0.7, 0.7), (2, 1.0, 1 / 3), (10, 8.0, 0.409180)])
def test_erlang_c_has_its_tabulated_values(servers: int, offered: float, waiting: float) -> None:
    assert erlang_c(servers, offered) == pytest.approx(waiting, abs=1e-6)


@bounded
@given(st.integers(1, 300), st.floats(0.0, 0.999))
def test_erlang_c_is_a_probability_that_more_servers_lower(servers: int, load: float) -> None:
    offered = load * servers
    assert 0 <= erlang_c(servers + 1, offered) <= erlang_c(servers, offered) <= 1


def test_one_server_waits_as_mm1_does() -> None:
    assert mmc_mean_wait_s(70, 0.01, 1) == pytest.approx(mg1_mean_wait_s(70, 0.01, cv=1.0))
    assert mmc_wait_quantile_s(70, 0.01, 1, 0.95) == pytest.approx(math.log(0.7 / 0.05) * 0.01 / 0.3)
    assert mmc_wait_quantile_s(70, 0.01, 1, 0.2) == 0.0


def test_mmc_waits_are_those_of_a_simulated_queue() -> None:
    """Three servers at 80 % load, 200,000 operations."""
    rng = np.random.default_rng(2)
    arrivals = np.cumsum(rng.exponential(1 / 2.4, 200_000)).tolist()
    free = [0.0, 0.0, 0.0]
    waits = []
    for arrival, service in zip(arrivals, rng.exponential(1, 200_000).tolist(), strict=True):
        first = free.index(min(free))
        start = max(arrival, free[first])
        free[first] = start + service
        waits.append(start - arrival)
    assert np.mean(np.array(waits) > 0) == pytest.approx(erlang_c(3, 2.4), rel=0.03)
    assert np.mean(waits) == pytest.approx(mmc_mean_wait_s(2.4, 1, 3), rel=0.06)
    assert np.quantile(waits, 0.95) == pytest.approx(mmc_wait_quantile_s(2.4, 1, 3, 0.95), rel=0.06)


@pytest.mark.parametrize("rho", [0.3, 0.7])
def test_md1_waits_are_those_of_a_simulated_queue(rho: float) -> None:
    waits = md1_waits(rho, 1_000_000)
    assert waits.mean() == pytest.approx(mg1_mean_wait_s(rho, 1.0), rel=0.03)
    for q in (0.5, 0.9, 0.95, 0.99):
        assert np.quantile(waits, q) == pytest.approx(md1_wait_quantile_s(rho, 1.0, q), rel=0.03, abs=0.01)


def test_the_md1_distribution_has_the_mean_of_pollaczek_and_khinchine() -> None:
    """The mean is the area above the CDF, out to waits where Erlang's alternating series has lost every digit."""
    grid = np.linspace(0, 300, 30_001)
    above = 1 - np.array([md1_wait_cdf(0.9, 1.0, t) for t in grid[::10]])
    assert np.trapezoid(above, grid[::10]) == pytest.approx(mg1_mean_wait_s(0.9, 1.0), rel=0.001)


def test_the_md1_distribution_is_exact_where_the_textbook_gives_it() -> None:
    """Nobody waits with probability 1 - rho; within one service time it grows by exp(lambda t)."""
    assert md1_wait_cdf(0.6, 1.0, 0.0) == pytest.approx(0.4)
    assert md1_wait_cdf(0.6, 1.0, 0.5) == pytest.approx(0.4 * math.exp(0.3))
    assert md1_wait_cdf(0.6, 1.0, 1.5) == pytest.approx(0.4 * (math.exp(0.9) - 0.3 * math.exp(0.3)))
    assert md1_wait_cdf(0.6, 1.0, -0.1) == 0.0
    assert md1_wait_cdf(0.0, 1.0, 0.0) == 1.0
    assert md1_wait_quantile_s(0.6, 1.0, 0.3) == 0.0


@bounded
@given(st.floats(0.05, 0.97), st.floats(0.01, 0.999))
def test_the_md1_quantile_inverts_the_distribution(rho: float, q: float) -> None:
    wait = md1_wait_quantile_s(rho, 1.0, q)
    assert md1_wait_cdf(rho, 1.0, wait) >= q - 1e-6
    assert wait == 0 or md1_wait_cdf(rho, 1.0, wait) == pytest.approx(q, abs=1e-6)


def test_a_saturated_queue_waits_for_ever() -> None:
    assert erlang_c(4, 4.0) == 1.0
    assert erlang_c(4, 0.0) == 0.0
    assert mmc_mean_wait_s(500, 0.01, 4) == math.inf
    assert mmc_wait_quantile_s(500, 0.01, 4, 0.5) == math.inf
    assert mg1_mean_wait_s(100, 0.01) == math.inf
    assert md1_wait_quantile_s(100, 0.01, 0.5) == math.inf
    assert md1_wait_cdf(100, 0.01, 5.0) == 0.0


@bounded
@given(st.floats(1, 2_000), st.floats(0.001, 0.05), st.floats(0.0, 0.05))
def test_the_first_guess_is_the_smallest_pool_that_meets_the_wait(rate: float, service_s: float, wait_s: float) -> None:
    size = pool_size_for_wait(rate, service_s, 0.95, wait_s)
    assert isinstance(size, int)
    assert mmc_wait_quantile_s(rate, service_s, size, 0.95) <= wait_s
    assert size == 1 or mmc_wait_quantile_s(rate, service_s, size - 1, 0.95) > wait_s


def test_a_pool_beyond_the_limit_is_refused() -> None:
    found = pool_size_for_wait(1_000, 1.0, 0.95, 0.01, largest=500)
    assert found == Refused("1000 erlangs need more than 500 connections", 500, None)


def test_the_wiki_formula_gives_nine_for_four_cores_and_a_disk() -> None:
    assert pool_size_prior(4) == 9


@pytest.mark.parametrize("q", [0.0, 1.0])
def test_a_quantile_lies_between_none_and_all(q: float) -> None:
    with pytest.raises(ValueError, match="0 < q < 1"):
        least_mean(q, 1.0)
    with pytest.raises(ValueError, match="0 < q < 1"):
        mmc_wait_quantile_s(1, 0.1, 1, q)
    with pytest.raises(ValueError, match="0 < q < 1"):
        md1_wait_quantile_s(1, 0.1, q)


def test_no_server_serves_nobody() -> None:
    with pytest.raises(ValueError, match="needs a server"):
        erlang_c(0, 1.0)
