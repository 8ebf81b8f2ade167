"""No number travels alone: it comes as point, interval, level and n, or as the reason why there is none."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Estimate:
    """A point and the interval that covers the truth in ``level`` of all repetitions.

    ``n`` counts the independent units behind it: trials or blocks for a treatment, samples for one trial.
    Raises ValueError unless ``low <= point <= high``, all finite, ``0 < level < 1`` and ``n >= 1``.
    """

    point: float
    low: float
    high: float
    level: float
    n: int
    unit: str

    def __post_init__(self) -> None:
        if not all(math.isfinite(value) for value in (self.point, self.low, self.high)):
            raise ValueError(f"not finite: {self.point} [{self.low}, {self.high}]")
        if not self.low <= self.point <= self.high:
            raise ValueError(f"the point lies outside its interval: {self.point} [{self.low}, {self.high}]")
        if not 0 < self.level < 1:
            raise ValueError(f"a level lies between 0 and 1, both excluded: {self.level}")
        if self.n < 1:
            raise ValueError(f"an estimate rests on at least one unit: n = {self.n}")

    def scaled(self, factor: float, unit: str) -> Estimate:
        """Convert to another unit; ``factor`` > 0, as in ``scaled(1e-9, "s")`` from nanoseconds."""
        if not factor > 0:
            raise ValueError(f"a unit is converted by a positive factor: {factor}")
        return replace(self, point=self.point * factor, low=self.low * factor, high=self.high * factor, unit=unit)


@dataclass(frozen=True, slots=True)
class Refused:
    """Why there is no estimate.

    ``n`` is what there was; ``needed`` is the smallest n that would do, or None where more of the same would not help.
    """

    reason: str
    n: int
    needed: int | None
