"""ABBA: each side leads as often, and drift falls out."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bench.design.interleave import changed_first

BLOCKS = st.integers(1, 20)
SEEDS = st.lists(st.integers(0, 2**31 - 1), min_size=1, max_size=3)


@given(SEEDS, BLOCKS)
def test_each_side_leads_in_one_pair_of_every_block(seed: list[int], blocks: int) -> None:
    order = changed_first(seed, 1, 2 * blocks)
    assert all(order[place] != order[place + 1] for place in range(0, 2 * blocks, 2))


@given(SEEDS, BLOCKS)
def test_linear_drift_falls_out_of_every_block(seed: list[int], blocks: int) -> None:
    """A clock that counts trials is the drift; over a block both sides have seen the same of it."""
    for block, leads in enumerate(zip(*[iter(changed_first(seed, 1, 2 * blocks))] * 2, strict=True)):
        times = range(4 * block, 4 * block + 4)
        changed = [times[2 * pair + (0 if first else 1)] for pair, first in enumerate(leads)]
        assert 2 * sum(changed) == sum(times)


@given(SEEDS, BLOCKS)
def test_pairs_asked_for_later_continue_the_same_order(seed: list[int], blocks: int) -> None:
    whole = changed_first(seed, 1, 2 * blocks + 2)
    assert changed_first(seed, 1, 2 * blocks) + changed_first(seed, 2 * blocks + 1, 2) == whole


def test_which_side_leads_first_is_drawn() -> None:
    assert len({changed_first([seed], 1, 1)[0] for seed in range(30)}) == 2
