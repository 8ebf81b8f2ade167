"""A share over instants has an interval that covers, never shrinks to a point, and is refused below eight."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from bench.stats.estimate import Estimate, Refused
from bench.stats.shares import FEWEST, share_of

if TYPE_CHECKING:
    from collections.abc import Sequence


def _estimate(parts: Sequence[float], wholes: Sequence[float]) -> Estimate:
    known = share_of(parts, wholes)
    assert isinstance(known, Estimate)
    return known


def test_a_unanimous_share_has_the_exact_lower_end() -> None:
    known = _estimate([5] * 20, [5] * 20)
    assert (known.point, known.high, known.n) == (1.0, 1.0, 20)
    assert known.low == pytest.approx(0.025 ** (1 / 20))
    assert _estimate([0] * 20, [5] * 20).high == pytest.approx(1 - 0.025 ** (1 / 20))


def test_fewer_than_eight_instants_with_somebody_there_are_refused() -> None:
    assert share_of([1] * 7 + [0] * 9, [1] * 7 + [0] * 9) == Refused(
        "too few readings with a session at work to name a share", 7, FEWEST
    )
    assert isinstance(share_of([1] * 8, [1] * 8), Estimate)


def test_large_instants_weigh_more_and_count_for_fewer() -> None:
    even = _estimate([5] * 20, [10] * 20)
    uneven = _estimate([50, *([0.5] * 19)], [100, *([1.0] * 19)])
    assert even.point == uneven.point == 0.5
    assert uneven.high - uneven.low > 1.5 * (even.high - even.low)


def test_a_share_that_comes_and_goes_slowly_is_less_sure() -> None:
    quick = _estimate([0, 4] * 20, [4] * 40)
    slow = _estimate([0] * 20 + [4] * 20, [4] * 40)
    assert slow.high - slow.low > 1.5 * (quick.high - quick.low)


def test_the_interval_covers_at_least_what_it_promises() -> None:
    """Shares of 4 to 20 sessions, one of them over-dispersed: half of the instants have a queue, half have none."""
    draws = np.random.default_rng(7)
    for truth, spread in ((0.3, 0.05), (0.5, 0.5)):
        covered = 0
        for _ in range(200):
            wholes = draws.integers(4, 20, 30)
            chance = np.where(draws.random(30) < 0.5, truth - spread, truth + spread)
            known = _estimate(list(draws.binomial(wholes, chance)), list(wholes))
            covered += known.low <= truth <= known.high
        assert covered >= 0.94 * 200


def test_small_changes_that_last_take_nothing_from_what_all_instants_agree_on() -> None:
    assert _estimate([9] * 10 + [10] * 10, [10] * 20).low > 0.7


@pytest.mark.parametrize("part", [2.0, -1.0])
def test_counts_that_contradict_each_other_are_no_share(part: float) -> None:
    known = share_of([part] * 9, [1.0] * 9)
    assert isinstance(known, Refused)
    assert known.needed is None
