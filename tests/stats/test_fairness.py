from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.stats.fairness import jain_index

bounded = settings(max_examples=100, deadline=None, derandomize=True, database=None)


@bounded
@given(st.lists(st.floats(0, 1e300), min_size=1, max_size=50))
def test_fairness_lies_between_one_share_and_all_alike(shares: list[float]) -> None:
    assert 1 / len(shares) - 1e-9 <= jain_index(shares) <= 1 + 1e-9


@pytest.mark.parametrize(
    ("shares", "index"), [([5, 5, 5], 1.0), ([1, 0, 0, 0], 0.25), ([1, 1, 0, 0], 0.5), ([0, 0], 1.0)]
)
def test_k_equal_shares_among_n_have_the_index_k_of_n(shares: list[float], index: float) -> None:
    assert jain_index(shares) == pytest.approx(index)


@pytest.mark.parametrize("shares", [[], [1.0, -1.0]])
def test_nothing_and_negative_shares_have_no_fairness(shares: list[float]) -> None:
    with pytest.raises(ValueError, match="at least one share"):
        jain_index(shares)
