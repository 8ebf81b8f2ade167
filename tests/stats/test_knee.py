from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.stats.estimate import Estimate, Refused
from bench.stats.knee import kneedle, kneedle_knee, power, power_knee

bounded = settings(max_examples=60, deadline=None, derandomize=True, database=None)
LEVELS = [1, 2, 4, 6, 8, 10, 12, 16, 20, 24]


def saturating(level: float, servers: int = 8) -> float:
    """Throughput of a closed loop on ``servers`` without variation: the operational bounds themselves."""
    return 100.0 * min(level, servers)


def trials(rng: np.random.Generator, sd_log: float) -> list[list[float]]:
    return [[saturating(level) * math.exp(rng.normal(0, sd_log)) for _ in range(5)] for level in LEVELS]


def powers(throughputs: list[list[float]]) -> list[list[float]]:
    """Response times follow from Little's law."""
    return [[power(x, level / x) for x in group] for level, group in zip(LEVELS, throughputs, strict=True)]


def test_both_knees_lie_where_the_servers_are_just_busy() -> None:
    quiet = trials(np.random.default_rng(1), 0.002)
    for found in (
        power_knee(LEVELS, powers(quiet), np.random.default_rng(2), unit="clients"),
        kneedle_knee(LEVELS, quiet, np.random.default_rng(2), unit="clients"),
    ):
        assert found == Estimate(8.0, 8.0, 8.0, 0.95, 5, "clients")


@pytest.mark.parametrize("seed", range(5))
def test_noise_widens_the_interval_but_not_past_the_truth(seed: int) -> None:
    noisy = trials(np.random.default_rng(seed), 0.08)
    for found in (
        power_knee(LEVELS, powers(noisy), np.random.default_rng(0)),
        kneedle_knee(LEVELS, noisy, np.random.default_rng(0)),
    ):
        assert isinstance(found, Estimate)
        assert found.low <= 8 <= found.high
        assert {found.low, found.high} <= set(map(float, LEVELS))


def test_kneedle_finds_the_knee_of_the_papers_figure() -> None:
    """Satopaa et al., figure 2: f(x) = -1 / x + 5 has its knee at 0.22."""
    x = [i / 9 for i in range(10)]
    assert kneedle(x, [-1 / (value + 0.1) + 5 for value in x]) == pytest.approx(0.222, abs=0.001)


def test_a_straight_line_has_no_knee() -> None:
    line = [100.0 * level for level in LEVELS]
    assert kneedle(LEVELS, line) is None
    assert kneedle_knee(LEVELS, [[x, 1.001 * x] for x in line], np.random.default_rng(0)) == Refused(
        "no knee up to 24: the curve still rises there", 2, None
    )


def test_a_power_that_still_rises_at_the_end_is_refused() -> None:
    rising = [[level**2, 1.01 * level**2] for level in LEVELS]
    assert isinstance(power_knee(LEVELS, rising, np.random.default_rng(0)), Refused)


def test_a_curve_that_only_falls_has_its_knee_at_or_below_the_first_level() -> None:
    assert kneedle([1, 2, 4], [30.0, 20.0, 10.0]) == 1


def test_a_straight_rise_with_a_sharp_fall_has_its_knee_at_the_top() -> None:
    assert kneedle([1, 2, 3, 4, 5, 6], [10, 20, 30, 40, 5, 1]) == 4


@bounded
@given(st.integers(-9, 9), st.integers(-9, 9), st.lists(st.floats(1, 1e4), min_size=10, max_size=10))
def test_units_do_not_move_the_knee(x_bits: int, y_bits: int, rises: list[float]) -> None:
    """Powers of two, so that scaling is exact."""
    curve = np.cumsum(sorted(rises, reverse=True)).tolist()
    plain = kneedle(LEVELS, curve)
    scaled = kneedle([level * 2.0**x_bits for level in LEVELS], [value * 2.0**y_bits for value in curve])
    assert scaled == (None if plain is None else plain * 2.0**x_bits)


@pytest.mark.parametrize("found", [power_knee, kneedle_knee])
def test_too_little_is_refused(found: type) -> None:
    rng = np.random.default_rng(0)
    assert found([1, 2], [[1.0, 2.0]] * 2, rng) == Refused("2 level(s) have no knee between them", 2, 3)
    assert found([1, 2, 3], [[1.0]] * 3, rng).needed == 2
    with pytest.raises(ValueError, match="3 levels, but trials of 2"):
        found([1, 2, 3], [[1.0, 2.0]] * 2, rng)


def test_levels_out_of_order_are_an_error() -> None:
    with pytest.raises(ValueError, match="ascending"):
        kneedle([1, 4, 2], [1.0, 2.0, 3.0])


def test_power_needs_a_response_time() -> None:
    with pytest.raises(ValueError, match="above zero"):
        power(100.0, 0.0)
