"""May one look at interleaved pairs again and again, and stop as soon as they decide? Yes, at the price of the looks.

The looks are planned: after ``LOOKS[0]`` pairs, ``LOOKS[1]`` pairs and so on. By Bonferroni's inequality all intervals
of all looks of a whole family of candidates cover their truths together with probability at least ``1 - error`` if each
is made at level ``1 - error / (looks x family)``, however the looks depend on each other and whoever stops at which of
them and why: a budget of time that ends may stop too. These are repeated confidence intervals (Jennison and Turnbull,
Interim analyses: the repeated confidence interval approach, J. R. Statist. Soc. B 51, 1989, section 2) with the error
split evenly; Student's t on the logarithms of the pairs' ratios makes each of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.stats.estimate import Refused
from bench.stats.replicates import paired_ratio

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.stats.estimate import Estimate

LOOKS = (4, 6, 10, 16)
"""Pairs after which one looks; even numbers, so that drift that is linear in time falls out of ABBA blocks."""
ERROR = 0.05
"""Probability that any interval of the family misses its truth."""


def look_level(family: int, error: float = ERROR, looks: Sequence[int] = LOOKS) -> float:
    """Return the level of one interval at one look; ``family`` counts all comparisons that are made."""
    if not (family >= 1 and 0 < error < 1 and looks):
        raise ValueError(f"a family has members and an error between 0 and 1: {family}, {error}, {looks}")
    return 1 - error / (len(looks) * family)


def reached(pairs: int, looks: Sequence[int] = LOOKS) -> int | None:
    """Return the pairs of the last look that so many pairs allow, None before the first."""
    return max((look for look in looks if look <= pairs), default=None)


def repeated_ratio(
    baseline: Sequence[float],
    candidate: Sequence[float],
    family: int,
    error: float = ERROR,
    looks: Sequence[int] = LOOKS,
) -> Estimate | Refused:
    """Geometric mean of candidate / baseline over the pairs of the last look reached, at the level of one look."""
    pairs = reached(min(len(baseline), len(candidate)), looks)
    if pairs is None:
        n = min(len(baseline), len(candidate))
        return Refused(f"{n} interleaved pairs, the first look is at {looks[0]}", n, looks[0])
    return paired_ratio(baseline[:pairs], candidate[:pairs], look_level(family, error, looks))
