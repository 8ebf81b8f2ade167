from __future__ import annotations

import math

import pytest

from bench.stats.estimate import Estimate


@pytest.mark.parametrize(
    ("point", "low", "high", "level", "n"),
    [
        (1.0, 2.0, 3.0, 0.95, 5),
        (4.0, 2.0, 3.0, 0.95, 5),
        (math.nan, 2.0, 3.0, 0.95, 5),
        (2.5, 2.0, math.inf, 0.95, 5),
        (2.5, 2.0, 3.0, 1.0, 5),
        (2.5, 2.0, 3.0, 0.0, 5),
        (2.5, 2.0, 3.0, 0.95, 0),
    ],
)
def test_an_impossible_estimate_cannot_be_built(point: float, low: float, high: float, level: float, n: int) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        Estimate(point, low, high, level, n, "s")


def test_scaling_converts_all_three_numbers_and_names_the_new_unit() -> None:
    assert Estimate(2e9, 1e9, 3e9, 0.95, 5, "ns").scaled(1e-9, "s") == Estimate(2.0, 1.0, 3.0, 0.95, 5, "s")


def test_scaling_by_a_factor_that_would_turn_the_interval_round_is_refused() -> None:
    with pytest.raises(ValueError, match="positive factor"):
        Estimate(2.0, 1.0, 3.0, 0.95, 5, "s").scaled(-1.0, "s")
