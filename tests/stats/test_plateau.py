from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.stats.estimate import Refused
from bench.stats.plateau import SmallestLevel, smallest_within_noise

bounded = settings(max_examples=60, deadline=None, derandomize=True, database=None)
LEVELS = [1, 2, 4, 8, 16, 32, 64]


def trials(rng: np.random.Generator, sd_log: float, n: int = 5) -> list[list[float]]:
    """Throughput rises up to 8 connections and then stays."""
    return [[100 * min(level, 8) * math.exp(rng.normal(0, sd_log)) for _ in range(n)] for level in LEVELS]


def answer(replicates: list[list[float]], **options: bool) -> SmallestLevel:
    found = smallest_within_noise(LEVELS, replicates, **options)
    assert isinstance(found, SmallestLevel)
    return found


def test_quiet_measurements_name_the_start_of_the_plateau_whichever_level_came_out_best() -> None:
    rng = np.random.default_rng(1)
    for _ in range(50):
        found = answer(trials(rng, 0.005))
        assert (found.low, found.point, found.high) == (8, 8, 8)
        assert found.best >= 8


@pytest.mark.parametrize("paired", [True, False])
def test_noise_shows_as_an_interval_round_the_answer(paired: bool) -> None:  # noqa: FBT001 - a parameter
    rng = np.random.default_rng(2)
    found = [answer(trials(rng, 0.05), paired=paired) for _ in range(100)]
    assert sum(one.low <= 8 <= one.high for one in found) >= 95
    assert np.mean([one.high for one in found]) > 8


def test_what_all_levels_of_a_block_share_does_not_blur_a_paired_answer() -> None:
    rng = np.random.default_rng(3)
    blocks = np.exp(rng.normal(0, 0.3, 5))
    shared = [(np.array(group) * blocks).tolist() for group in trials(rng, 0.005)]
    assert answer(shared).high == 8
    assert answer(shared, paired=False).low < 8


@bounded
@given(st.lists(st.lists(st.floats(1, 1e4), min_size=3, max_size=3), min_size=7, max_size=7))
def test_the_answer_is_a_measured_level_inside_its_interval_and_every_level_has_a_reason(
    replicates: list[list[float]],
) -> None:
    found = answer(replicates)
    assert found.low <= found.point <= found.high <= found.best
    assert found.point in LEVELS
    assert [reason.level for reason in found.reasons] == LEVELS
    assert all(reason.reason for reason in found.reasons)


def test_the_reasons_say_how_far_each_level_is_from_the_best() -> None:
    levels = [16, 2, 8, 4]
    replicates = [[99.0, 101.0, 100.0], [50.0, 51.0, 49.5], [99.5, 100.5, 99.0], [97.0, 92.0, 101.0]]
    found = smallest_within_noise(levels, replicates)
    assert isinstance(found, SmallestLevel)
    assert [reason.reason for reason in found.reasons] == [
        "50.2 % [48.7, 51.6] of the best: shown to be below 97 %",
        "96.6 % [84.7, 110.2] of the best: below 97 %, but the interval allows both",
        "99.7 % [97.8, 101.6] of the best: shown to be at or above 97 %",
        "highest mean throughput",
    ]
    assert (found.low, found.point, found.high, found.best) == (4, 8, 8, 16)


def test_one_trial_a_level_is_refused() -> None:
    assert smallest_within_noise([1, 2], [[5.0], [6.0]]) == Refused(
        "a level with one trial does not show how trials differ", 1, 2
    )


def test_a_level_that_did_nothing_stays_visible() -> None:
    assert smallest_within_noise([1, 2], [[0.0, 0.0]] * 2) == Refused("no level has any throughput", 2, None)
    found = smallest_within_noise([1, 2], [[0.0, 0.0], [6.0, 6.1]])
    assert isinstance(found, SmallestLevel)
    assert found.point == 2
    assert isinstance(found.reasons[0].ratio, Refused)


@pytest.mark.parametrize(("levels", "margin"), [([1, 2, 3], 0.03), ([1, 2], 0.0), ([1, 2], 1.0)])
def test_a_question_that_makes_no_sense_is_an_error(levels: list[float], margin: float) -> None:
    with pytest.raises(ValueError, match="margin"):
        smallest_within_noise(levels, [[1.0, 2.0], [1.0, 2.0]], margin)
