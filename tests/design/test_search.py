"""The adaptive sweep finds what the full grid finds with a part of its trials; the search for a rate finds the rate."""

from __future__ import annotations

import dataclasses
import heapq
import math

import numpy as np
import pytest
from scipy import optimize

from bench.design.rate_search import Heard, RateSearch
from bench.design.search import SHARE, Cell, Grid, Known, coarse, open_questions, propose
from bench.stats.queueing import erlang_c
from tests.design.surfaces import answer, known, measure_whole, search, surface

DOUBLING = ((1, 2, 4, 8, 16, 32, 64, 128), (1, 2, 4, 8, 16, 32, 64, 128))
EVEN = (tuple(range(4, 36, 4)), (5, 10, 20, 30, 40, 60, 80, 100))
WIDE = ((1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64), (10, 25, 50, 75, 100, 150, 200, 300))


def _near(one: int | None, other: int | None) -> bool:
    return one == other if one is None or other is None else abs(one - other) <= 1


@pytest.mark.slow
@pytest.mark.parametrize("grid", [DOUBLING, EVEN, WIDE], ids=["doubling", "even", "wide"])
def test_the_adaptive_sweep_finds_the_optimum_of_the_full_grid(
    grid: tuple[tuple[int, ...], tuple[int, ...]],
) -> None:
    """Within one step in 95 of 100 noisy surfaces, each with at most 40 % of the trials."""
    agreed, seeds = 0, 40
    for seed in range(seeds):
        made_up = surface(seed, *grid)
        measured = search(made_up)
        assert sum(map(len, measured.values())) <= SHARE * made_up.grid.trials
        agreed += _near(answer(made_up, measured), answer(made_up, measure_whole(made_up)))
    assert agreed >= 0.95 * seeds


@pytest.mark.slow
def test_the_adaptive_sweep_is_as_near_to_the_truth_as_the_full_grid() -> None:
    """Also where one trial in thirty is spoiled by something else on the machine."""
    adaptive = whole = 0
    for seed in range(40):
        made_up = surface(seed, *EVEN, glitches=0.03)
        exact = dataclasses.replace(made_up, trials=np.repeat(made_up.truth[:, :, None], 5, axis=2))
        truth = answer(exact, measure_whole(exact))
        adaptive += _near(answer(made_up, search(made_up)), truth)
        whole += _near(answer(made_up, measure_whole(made_up)), truth)
    assert adaptive >= whole - 1
    assert adaptive >= 38


def test_budgets_come_first_even_where_one_size_alone_meets_them() -> None:
    """Size 5 lies between the sizes of the first look, and all of those miss the budgets."""
    made_up = surface(3, *DOUBLING)
    assert 3 not in coarse(made_up.sizes)
    only = np.zeros_like(made_up.meets)
    only[:, 3] = True
    made_up = dataclasses.replace(made_up, meets=only)
    assert answer(made_up, search(made_up)) == 3


def test_without_any_size_that_meets_the_budgets_all_are_looked_at_once() -> None:
    made_up = surface(3, *DOUBLING)
    none = dataclasses.replace(made_up, meets=np.zeros_like(made_up.meets))
    measured = search(none)
    assert set(measured) == set(measure_whole(none))


def test_the_same_knowledge_gives_the_same_proposal_without_repetition() -> None:
    made_up = surface(7, *EVEN)
    seen = known(made_up, {Cell(0, load, size): {1: 100.0 + size} for load in range(8) for size in coarse(EVEN[0])})
    cells = propose(made_up.grid, seen)
    assert cells == propose(made_up.grid, dict(reversed(seen.items())))
    assert len(set(cells)) == len(cells)


def test_trials_that_never_count_end_the_search() -> None:
    grid = Grid((1, 2, 4, 8), 2, 1, 5)
    seen: dict[Cell, Known] = {}
    for _ in range(100):
        cells = propose(grid, seen)
        if not cells:
            break
        for cell in cells:
            seen[cell] = Known(seen.get(cell, Known(0, ())).tried + 1, ())
    assert not propose(grid, seen)
    assert sum(cell.tried for cell in seen.values()) <= grid.most


def test_an_undecided_budget_asks_for_replicates_until_they_are_used_up() -> None:
    grid = Grid((1, 2, 4), 1, 1, 2)
    seen = {Cell(0, 0, size): Known(2, (100.0, 100.1), "inconclusive") for size in range(3)}
    assert Cell(0, 0, 0) in open_questions(grid, seen)
    used_up = {cell: one._replace(tried=4) for cell, one in seen.items()}
    assert not open_questions(grid, used_up)


def test_the_size_that_won_is_measured_at_every_load() -> None:
    made_up = surface(11, *WIDE)
    measured = search(made_up)
    best = answer(made_up, measured)
    assert best is not None
    assert all(len(measured[Cell(0, load, best)]) >= 2 for load in range(len(WIDE[1])))


def test_drivers_are_searched_apart() -> None:
    """The first subject is flat, the second rises: one needs its smallest pool, the other its largest."""
    sizes = (1, 2, 4, 8, 16, 32, 64, 128)
    grid = Grid(tuple(map(float, sizes)), 1, 2, 5)
    rng = np.random.default_rng(1)
    rates: dict[Cell, tuple[float, ...]] = {}
    while cells := propose(grid, {cell: Known(len(own), own) for cell, own in rates.items()}):
        for cell in cells:
            level = 1000 if cell.subject == 0 else 100 * sizes[cell.size]
            rates[cell] = (*rates.get(cell, ()), level * math.exp(rng.normal(0, 0.003)))
    repeated = {
        subject: {c.size for c, own in rates.items() if c.subject == subject and len(own) > 1} for subject in (0, 1)
    }
    assert 0 in repeated[0]
    assert {6, 7} <= repeated[1]


# --- the highest rate ---------------------------------------------------------------------------------------------


def _beyond(limit_s: float, rate: float, service_s: float, servers: int) -> float:
    """P(response > limit) in M/M/c (Kleinrock, Queueing Systems I, 3.5)."""
    waiting, mu = erlang_c(servers, rate * service_s), 1 / service_s
    drain = servers * mu - rate
    if drain <= 0:
        return 1.0
    late = math.exp(-mu * limit_s)
    if abs(drain - mu) < 1e-9 * mu:
        return late * (1 + waiting * mu * limit_s)
    return (1 - waiting) * late + waiting * (mu * math.exp(-drain * limit_s) - drain * late) / (mu - drain)


def _capacity(limit_s: float, service_s: float, servers: int) -> float:
    """Rate at which the p95 response time reaches the limit."""
    return float(
        optimize.brentq(lambda rate: _beyond(limit_s, rate, service_s, servers) - 0.05, 1e-3, servers / service_s)
    )


@pytest.mark.parametrize("noise", [0.0, 0.1, 0.2])
def test_the_rate_found_is_the_capacity_of_a_queue_with_known_answers(noise: float) -> None:
    """M/M/c with 1 to 32 servers; each trial's p95 is off by a factor exp(N(0, noise))."""
    near = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        service_s, servers = math.exp(rng.uniform(math.log(5e-4), math.log(1e-2))), int(rng.integers(1, 33))
        limit_s = service_s * rng.uniform(4, 30)
        truth = _capacity(limit_s, service_s, servers)
        search = RateSearch(float(rng.choice([20, 100, 1000])), 10, 1e6)
        heard: list[Heard] = []
        while (rate := search.next_rate(heard)) is not None:
            p95_is_late = _beyond(limit_s / math.exp(rng.normal(0, noise)), rate, service_s, servers) > 0.05
            heard.append(Heard(rate, not p95_is_late))
        found = search.bracket(heard)
        assert found.settled
        assert found.low is not None
        assert found.high is not None
        assert found.high.rate <= 1.05 * found.low.rate
        assert min(found.low.agreeing, found.high.agreeing) >= 3
        near += found.low.rate / 1.03 <= truth <= found.high.rate * 1.03
    assert near >= (100 if noise == 0 else 96)


def _simulate(rate: float, window_s: float, service_s: float, servers: int, rng: np.random.Generator) -> float:
    """Return the p95 response time of one window of a simulated M/M/c queue."""
    arrivals = np.cumsum(rng.exponential(1 / rate, int(rate * window_s)))
    free = [0.0] * servers
    responses = []
    for arrival, service in zip(arrivals.tolist(), rng.exponential(service_s, arrivals.size).tolist(), strict=True):
        begin = max(arrival, heapq.heappop(free))
        heapq.heappush(free, begin + service)
        responses.append(begin + service - arrival)
    return float(np.quantile(responses, 0.95))


def test_the_rate_found_is_the_capacity_of_a_simulated_server() -> None:
    """Arrivals and services are drawn one by one, so trials vary as those of a real server do."""
    truth = _capacity(0.03, 0.005, 4)
    for seed in range(5):
        rng = np.random.default_rng(seed)
        search, heard = RateSearch(50, 10, 1e6), list[Heard]()
        while (rate := search.next_rate(heard)) is not None:
            heard.append(Heard(rate, _simulate(rate, 10, 0.005, 4, rng) < 0.03))
        found = search.bracket(heard)
        assert found.low is not None
        assert found.high is not None
        assert found.low.rate / 1.08 <= truth <= found.high.rate * 1.08


def _follow(search: RateSearch, verdicts: dict[float, bool]) -> list[float]:
    """Return the rates tried if these verdicts are given, and every other rate passes below 1000/s."""
    heard: list[Heard] = []
    while (rate := search.next_rate(heard)) is not None:
        seen = any(one.rate == rate for one in heard)
        heard.append(Heard(rate, verdicts[rate] if rate in verdicts and not seen else rate < 1000))
    return [one.rate for one in heard]


def test_the_ramp_doubles_and_a_stray_failure_does_not_stop_it() -> None:
    tried = _follow(RateSearch(100, 10, 1e6), {400: False})
    assert tried[:5] == [100, 200, 400, 400, 400]
    assert tried[5] == 800


def test_a_start_that_fails_goes_down_to_the_floor() -> None:
    search = RateSearch(4000, 900, 1e6)
    assert _follow(search, {})[:3] == [4000, 2000, 1000]
    heard = [Heard(4000, passed=False), Heard(2000, passed=False), *[Heard(900, passed=False)] * 3]
    assert search.next_rate([*heard[:2], Heard(1000, passed=False)]) == 900
    found = search.bracket(heard)
    assert (found.low, found.settled) == (None, True)
    assert found.high is not None
    assert (found.high.rate, found.high.agreeing) == (900, 3)


def test_a_verdict_that_repetitions_overturn_moves_the_interval() -> None:
    search = RateSearch(100, 10, 1e6)
    heard = [Heard(100, passed=True), Heard(104, passed=False), Heard(100, passed=True), Heard(104, passed=True)]
    assert search.next_rate(heard) == 104
    overturned = [*heard, Heard(104, passed=True)]
    assert search.next_rate(overturned) == 208


def test_every_rate_up_to_the_ceiling_may_pass() -> None:
    search = RateSearch(600, 10, 1000)
    heard = [Heard(600, passed=True), *[Heard(1000, passed=True)] * 3]
    assert search.next_rate(heard[:1]) == 1000
    found = search.bracket(heard)
    assert found.settled
    assert found.high is None


def test_verdicts_at_random_end_without_being_settled() -> None:
    search = RateSearch(100, 10, 1e6, confirmations=40, most=30)
    heard: list[Heard] = []
    while (rate := search.next_rate(heard)) is not None:
        heard.append(Heard(rate, rate < 1000))
    assert len(heard) == 30
    assert not search.bracket(heard).settled
