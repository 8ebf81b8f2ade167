"""Outages are found where counts collapse, with the time until they are as before, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest

from bench.stats.recovery import FEWEST, Outage, find_outages

BLOCKS = 60


def _series(level: float, *changes: tuple[int, int, float]) -> np.ndarray:
    counts = np.full(BLOCKS, level)
    for first, last, value in changes:
        counts[first:last] = value
    return counts


def test_an_outage_lasts_until_the_usual_level_is_reached_again() -> None:
    assert find_outages(_series(100, (20, 26, 0), (26, 30, 50))) == (Outage(20, 30),)


def test_an_outage_without_an_end_has_no_recovery() -> None:
    assert find_outages(_series(100, (50, 60, 3))) == (Outage(50, None),)


def test_every_outage_is_found() -> None:
    assert find_outages(_series(100, (10, 14, 0), (40, 43, 0))) == (Outage(10, 14), Outage(40, 43))


@pytest.mark.parametrize(
    "counts",
    [
        _series(100),
        _series(100, (0, 20, 0)),  # a start
        _series(100, (30, 31, 0)),  # one block
        _series(100, (30, 40, 40)),  # slower, not down
        _series(1, (30, 40, 0)),  # too few to tell
        np.linspace(0, 100, BLOCKS),
        np.zeros(BLOCKS),
        np.zeros(0),
    ],
)
def test_what_is_no_outage_is_not_called_one(counts: np.ndarray) -> None:
    assert find_outages(counts) == ()


def test_few_counts_are_judged_in_longer_blocks() -> None:
    assert find_outages(_series(10, (20, 32, 0))) == (Outage(20, 32),)


def test_chance_alone_makes_no_outage() -> None:
    chance = np.random.default_rng(7)
    assert not any(find_outages(chance.poisson(FEWEST * 1.5, BLOCKS).astype(np.float64)) for _ in range(500))
