"""Where a series of runs changes its level: change points by PELT (Killick, Fearnhead and Eckley 2012)."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import ruptures
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

FloatArray = NDArray[np.float64]

FEWEST = 4
"""Values below which no change of level can be told: two before, two after."""
_PENALTY = 5.0
"""Times sd^2 log n for each change point; with 2, the BIC's, every eighth series of 20 runs of noise has one."""
_SMALLEST_SD = 1e-3
"""Relative noise that a series has at least: one without any would change at its last digit."""


@dataclass(frozen=True, slots=True)
class Shift:
    """A change of level: ``index`` is the first value of the new one; ``ratio`` is after / before, geometric means."""

    index: int
    ratio: float
    before: float
    after: float


def find_shifts(values: Sequence[float], least: float = 0.05) -> tuple[Shift, ...]:
    """Return the changes of level of a series in order of time, but those smaller than ``least`` (0.05 is 5 %).

    On the logarithms, with the noise taken from the differences of neighbours, so that a change of level does not count
    as noise. A level lasts two values at least: one wild run is no change, and the newest one cannot be told yet.
    """
    if len(values) < FEWEST:
        return ()
    if min(values) <= 0:
        raise ValueError("a level needs values above zero")
    logs = np.log(np.asarray(values, dtype=np.float64))
    # Neighbours differ by sqrt(2) sd; the median of absolute normal deviates is 0.6745 sd.
    sd = max(_SMALLEST_SD, float(np.median(np.abs(np.diff(logs)))) / 0.6745 / math.sqrt(2))
    search = ruptures.Pelt(model="l2", min_size=2, jump=1).fit(logs.reshape(-1, 1))
    ends = search.predict(pen=_PENALTY * sd**2 * math.log(logs.size))
    edges = [0, *ends]
    levels = [float(logs[start:end].mean()) for start, end in itertools.pairwise(edges)]
    return tuple(
        Shift(edge, math.exp(after - before), math.exp(before), math.exp(after))
        for edge, before, after in zip(edges[1:], levels, levels[1:], strict=False)
        if abs(after - before) >= math.log1p(least)
        and _lasts(logs[edge - 2 : edge], logs[edge : edge + 2], before, after)
    )


def _lasts(old: FloatArray, new: FloatArray, before: float, after: float) -> bool:
    """Tell whether two values on each side of an edge lie on their side of the middle: one wild value moves a mean."""
    sign, middle = math.copysign(1, after - before), (before + after) / 2
    return bool((sign * (old - middle) < 0).all() and (sign * (new - middle) > 0).all())
