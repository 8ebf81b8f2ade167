from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bench.stats.estimate import Refused
from bench.stats.noise import NoiseFloor, detection_power, minimum_detectable_effect, noise_floor
from bench.stats.replicates import unpaired_ratio

bounded = settings(max_examples=30, deadline=None, derandomize=True, database=None)


def floor_of(rng: np.random.Generator, pairs: int, sd: float, later: int = 1) -> NoiseFloor:
    first, second = np.exp(rng.normal(0, sd / math.sqrt(2), (2, pairs)))
    found = noise_floor(first.tolist(), second.tolist(), pairs=later)
    assert isinstance(found, NoiseFloor)
    return found


@pytest.mark.parametrize("later", [1, 5])
def test_the_next_comparison_stays_below_the_floor_as_often_as_promised(later: int) -> None:
    rng = np.random.default_rng(later)
    below = 0
    for _ in range(600):
        found = floor_of(rng, 10, 0.05, later)
        below += abs(math.expm1(rng.normal(0, 0.05, later).mean())) <= found.floor.point
    assert below >= stats.binom.ppf(1e-4, 600, 0.95)


def test_many_pairs_find_the_spread() -> None:
    found = floor_of(np.random.default_rng(2), 2_000, 0.05)
    assert found.sd_log == pytest.approx(0.05, rel=0.05)
    assert found.floor.point == pytest.approx(math.expm1(1.96 * 0.05), rel=0.06)
    assert found.floor.high - found.floor.low < 0.01
    assert found.bias_p > 0.001


def test_an_effect_of_the_order_shows_in_the_bias() -> None:
    found = noise_floor([100.0, 101.0, 99.0, 100.0], [105.0, 106.1, 104.0, 105.1])
    assert isinstance(found, NoiseFloor)
    assert found.bias_p < 0.001
    assert found.floor.point > 0.05


def test_pairs_without_any_spread_have_no_noise() -> None:
    found = noise_floor([1.0, 2.0, 3.0], [1.0, 2.0, 3.0])
    assert isinstance(found, NoiseFloor)
    assert (found.floor.point, found.bias_p) == (0.0, 1.0)


def test_two_pairs_do_not_show_the_noise() -> None:
    found = noise_floor([1.0, 2.0], [1.0, 2.0])
    assert isinstance(found, Refused)
    assert found.needed == 3


def test_unpaired_power_is_what_simulation_finds() -> None:
    rng = np.random.default_rng(3)
    power = detection_power(0.06, 0.03, 5, paired=False)
    found = 0
    for _ in range(600):
        before, after = np.exp(rng.normal(0, 0.03, (2, 5)))
        ratio = unpaired_ratio(before.tolist(), (1.06 * after).tolist())
        assert not isinstance(ratio, Refused)
        found += ratio.low > 1
    # Welch gives away a little of the power that the formula, with one common variance, has.
    assert stats.binom.ppf(1e-4, 600, power - 0.03) <= found <= stats.binom.ppf(1 - 1e-4, 600, power)


@bounded
@given(st.floats(0.005, 0.3), st.integers(2, 20), st.booleans())
def test_the_smallest_detectable_effect_has_exactly_the_power_asked_for(
    sd_log: float,
    n: int,
    paired: bool,  # noqa: FBT001 - hypothesis fills it
) -> None:
    effect = minimum_detectable_effect(sd_log, n, power=0.8, paired=paired)
    assert detection_power(effect, sd_log, n, paired=paired) == pytest.approx(0.8, abs=1e-6)


def test_more_pairs_see_smaller_effects() -> None:
    effects = [minimum_detectable_effect(0.04, n) for n in (3, 5, 8, 12, 20)]
    assert effects == sorted(effects, reverse=True)


@pytest.mark.parametrize(("effect", "sd_log", "n"), [(-1.0, 0.1, 5), (0.1, 0.0, 5), (0.1, 0.1, 1)])
def test_power_without_noise_or_pairs_is_an_error(effect: float, sd_log: float, n: int) -> None:
    with pytest.raises(ValueError, match="power needs"):
        detection_power(effect, sd_log, n)


def test_a_power_that_chance_alone_reaches_is_no_question() -> None:
    with pytest.raises(ValueError, match="alpha / 2"):
        minimum_detectable_effect(0.1, 5, power=0.01)
