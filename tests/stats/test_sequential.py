"""Repeated looks at interleaved pairs: how often they err, by simulation, and what they can see."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.stats.estimate import Estimate, Refused
from bench.stats.sequential import ERROR, LOOKS, look_level, reached, repeated_ratio


def test_looks_are_even_so_that_linear_drift_falls_out() -> None:
    assert all(look % 2 == 0 for look in LOOKS)
    assert list(LOOKS) == sorted(set(LOOKS))


@given(st.integers(0, 40))
def test_the_look_reached_is_the_last_one_that_the_pairs_allow(pairs: int) -> None:
    look = reached(pairs)
    assert (look is None) == (pairs < LOOKS[0])
    if look is not None:
        assert look <= pairs
        assert not [other for other in LOOKS if look < other <= pairs]


def test_the_levels_of_all_looks_of_a_family_spend_the_error_and_no_more() -> None:
    assert sum(1 - look_level(family=6) for _ in range(6 * len(LOOKS))) == pytest.approx(ERROR)


@pytest.mark.parametrize("family", [0, -1])
def test_a_family_without_members_is_refused(family: int) -> None:
    with pytest.raises(ValueError, match="family"):
        look_level(family)


def test_pairs_beyond_the_last_look_reached_are_not_peeked_at() -> None:
    before = [1.0, 1.1, 1.05, 0.95]
    after = [0.5, 0.52, 0.51, 0.5]
    first = repeated_ratio(before, after, 1)
    assert repeated_ratio([*before, 9.0], [*after, 1.0], 1) == first


def test_too_few_pairs_are_refused_with_the_number_needed() -> None:
    refused = repeated_ratio([1.0], [2.0], 1)
    assert isinstance(refused, Refused)
    assert refused.needed == LOOKS[0]


def _misses(rng: np.random.Generator, family: int, shape: str) -> bool:
    """Tell whether any interval of any look of any member excludes the truth, which is "no change"."""
    for _ in range(family):
        noise = rng.standard_normal((2, LOOKS[-1])) if shape == "normal" else rng.standard_t(3, (2, LOOKS[-1]))
        before, after = np.exp(0.1 * noise)
        for look in LOOKS:
            ratio = repeated_ratio(before[:look].tolist(), after[:look].tolist(), family)
            if isinstance(ratio, Estimate) and not ratio.low <= 1 <= ratio.high:
                return True
    return False


@pytest.mark.parametrize("shape", ["normal", "heavy tails"])
def test_the_chance_of_any_false_alarm_in_a_family_is_bounded(shape: str) -> None:
    """600 virtual families of 5: an error of 5 % gives at most 46 alarms with probability 0.999."""
    rng = np.random.default_rng(7)
    assert sum(_misses(rng, 5, shape) for _ in range(600)) <= 46
