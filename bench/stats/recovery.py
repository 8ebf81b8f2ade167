"""Outages in a series of counts: when little was done, and when things were as before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

USUAL = 0.75
"""The quantile of the blocks that is taken for the usual level: an outage may last half the series."""
DOWN, UP = 0.25, 0.75
"""Below which share of the usual level an outage begins, and from which on it is over."""
FEWEST = 20
"""Counts a block should usually hold: with fewer, chance empties one now and then (Poisson: P(X <= 5) < 1e-4)."""
SHORTEST = 2
"""Blocks an outage lasts at least: a single one may be a pause of the machine."""


@dataclass(frozen=True, slots=True)
class Outage:
    """From block ``first`` on little was done; from block ``recovered`` on as much as usual, None if never again."""

    first: int
    recovered: int | None


def find_outages(counts: npt.NDArray[np.float64]) -> tuple[Outage, ...]:
    """Return the outages in counts of equal blocks; empty where the counts are too few to tell.

    What comes before the usual level is first reached is a start, and no outage.
    """
    for merged in (size for size in range(1, len(counts) // 6 + 1) if len(counts) % size == 0):
        series = counts.reshape(-1, merged).sum(axis=1)
        usual = float(np.quantile(series, USUAL)) if series.size else 0.0
        if usual >= FEWEST:
            return tuple(
                Outage(one.first * merged, None if one.recovered is None else one.recovered * merged)
                for one in _scan(series / usual)
            )
    return ()


def _scan(level: npt.NDArray[np.float64]) -> list[Outage]:
    found: list[Outage] = []
    reached, first = False, None
    for block, share in enumerate(level):
        if share >= UP:
            if first is not None:
                found.append(Outage(first, block))
            reached, first = True, None
        elif reached and first is None and share < DOWN:
            first = block
    if first is not None:
        found.append(Outage(first, None))
    return [one for one in found if (len(level) if one.recovered is None else one.recovered) - one.first >= SHORTEST]
