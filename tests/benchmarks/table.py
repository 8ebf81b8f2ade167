"""One row of the table that `make bench` prints: what, the ratio with its interval, the goal, and whether it is met."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bench.stats.estimate import Estimate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.stats.estimate import Refused


@dataclass(frozen=True, slots=True)
class Row:
    """A comparison. ``met`` is None where there is no goal to meet."""

    what: str
    value: str
    goal: str
    met: bool | None
    details: Sequence[str] = field(default_factory=tuple)

    def lines(self) -> list[str]:
        """Return the row as text."""
        sign = {True: "met   ", False: "MISSED", None: "      "}[self.met]
        return [
            f"{sign}  {self.what}: {self.value}   (goal {self.goal})",
            *(f"          {line}" for line in self.details),
        ]


def words(ratio: Estimate | Refused) -> str:
    """Return a ratio with its interval, or why there is none."""
    if not isinstance(ratio, Estimate):
        return ratio.reason
    return f"{ratio.point:.3f} [{ratio.low:.3f}, {ratio.high:.3f}]"


def ratio_row(what: str, ratio: Estimate | Refused, goal: float, details: Sequence[str]) -> Row:
    """Return a row for a ratio that should be at least ``goal``, judged by its point."""
    if not isinstance(ratio, Estimate):
        return Row(what, ratio.reason, f">= {goal}", met=False, details=details)
    value = f"{words(ratio)}, {ratio.n} pairs"
    return Row(what, value, f">= {goal}", met=ratio.point >= goal, details=details)


def rates(name: str, values: Sequence[float]) -> str:
    """Return a series of rates on one line."""
    return f"{name}: " + " ".join(f"{value:,.0f}" for value in values) + " /s"
