from __future__ import annotations

import numpy as np
import pytest

from bench.stats.changepoints import find_shifts


def series(*levels: tuple[float, int], sd: float = 0.02, seed: int = 1) -> list[float]:
    """Values round levels, as (level, number of runs)."""
    generator = np.random.default_rng(seed)
    return [float(level * np.exp(generator.normal(0, sd))) for level, number in levels for _ in range(number)]


def test_a_change_of_level_is_found_in_the_run_that_made_it() -> None:
    (shift,) = find_shifts(series((10, 8), (13, 5)))
    assert shift.index == 8
    assert shift.ratio == pytest.approx(1.3, rel=0.05)
    assert (shift.before, shift.after) == (pytest.approx(10, rel=0.05), pytest.approx(13, rel=0.05))


def test_two_changes_are_two() -> None:
    assert [shift.index for shift in find_shifts(series((10, 6), (14, 6), (9, 6)))] == [6, 12]


def test_noise_alone_seldom_changes() -> None:
    found = sum(bool(find_shifts(series((10, 20), seed=seed, sd=0.05))) for seed in range(100))
    assert found <= 5


def test_one_wild_run_is_no_change_and_the_newest_cannot_be_told_yet() -> None:
    quiet = series((10, 10), sd=0.005)
    assert find_shifts([*quiet[:5], 10.9, *quiet[5:]]) == ()
    assert find_shifts([*quiet, 13.0]) == ()
    assert [shift.index for shift in find_shifts([*quiet, 13.0, 13.1])] == [10]


def test_small_changes_and_short_series_have_none() -> None:
    assert find_shifts(series((10, 8), (10.3, 8), sd=0.001)) == ()
    assert find_shifts([1.0, 2.0, 2.0]) == ()
    assert find_shifts([5.0] * 10) == ()


def test_a_value_of_zero_has_no_level() -> None:
    with pytest.raises(ValueError, match="above zero"):
        find_shifts([0.0, 1.0, 1.0, 1.0])
