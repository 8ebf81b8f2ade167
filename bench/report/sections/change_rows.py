"""Lines of a comparison: the largest changes first, each with its interval against what would matter."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bench.report.words import metric_name, shorten

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.report.gate import GateRow

GROUPS: Final = ("worse", "with another plan", "better", "inconclusive", "unchanged or not worse")
FOLDED: Final = GROUPS[3:]
"""What nobody needs to read first."""
_ORDER: Final = ("bad", "good", "unsure", "")
_LEAST_REACH: Final = math.log(1.1)
"""The bars reach at least 10 % to either side, so that noise does not look like a change."""
_MOST_REACH: Final = 4.0
"""How many times the largest change the bars reach at most."""
_LONGEST: Final = 200
_ICONS: Final = {"bad": "fail", "good": "pass", "unsure": "inconclusive", "": "none"}


@dataclass(frozen=True, slots=True)
class Bar:
    """Where an interval lies on an axis of 0 to 100 with no change at 50; what lies within the band does not matter."""

    low: float
    point: float
    high: float
    band_low: float
    band_high: float


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """One line of a comparison."""

    icon: str
    tone: str
    word: str
    what: str
    levels: str
    """What tells its treatment apart; empty where there is one only."""
    operation: str
    baseline: str
    candidate: str
    size: str
    reason: str
    bar: Bar | None
    keys: tuple[str, ...] = ("",) * 4
    """Numbers to sort what happened, its size, the baseline and the candidate by; empty where there is none."""
    of_plan: bool = False
    """True of a line about the shape of query plans, which is neither worse nor better."""

    @property
    def line(self) -> str:
        """What changed, from what to what, and by how much, or why it counts."""
        where = f"{self.what} of {self.operation}{f' ({self.levels})' if self.levels else ''}"
        values = f"{self.baseline} before, {self.candidate} now; " if self.baseline and self.candidate else ""
        return f"{self.word}: {where}: {values}{self.size or self.reason}"

    @property
    def group(self) -> str:
        """What it is counted with: ``worse``, ``with another plan``, ``better``, ``inconclusive``, ``unchanged``."""
        if self.of_plan and self.tone == "bad":
            return GROUPS[1]
        return {"bad": GROUPS[0], "good": GROUPS[2], "unsure": GROUPS[3], "": GROUPS[4]}[self.tone]


@dataclass(frozen=True, slots=True)
class ChangeRows:
    """Lines on a common axis; ``axis`` says from where to where the bars reach."""

    rows: tuple[ChangeRow, ...]
    axis: str

    @property
    def with_levels(self) -> bool:
        """True where the lines speak of several treatments."""
        return any(row.levels for row in self.rows)


def lay_out_changes(rows: Sequence[GateRow]) -> ChangeRows:
    """Lay out the lines that count: worse first, then better, then what is not known, the largest change first."""
    ordered = sorted((row for row in rows if row.counts), key=_importance)
    reach = _reach(ordered)
    return ChangeRows(
        tuple(_change(row, reach) for row in ordered),
        f"{100 * (math.exp(-reach) - 1):.0f} % to {100 * (math.exp(reach) - 1):+.0f} %",
    )


def _importance(row: GateRow) -> tuple[int, float, str]:
    """Order by what happened, then by how large it is."""
    return _ORDER.index(row.tone), -abs(math.log(row.ratio.point)) if row.ratio else 0.0, row.key


def _reach(rows: Sequence[GateRow]) -> float:
    """Return how far the common axis reaches to either side, in logarithms of the ratio: halving mirrors doubling."""
    points = [abs(math.log(row.ratio.point)) for row in rows if row.ratio and row.ratio.point > 0]
    ends = [abs(math.log(value)) for row in rows if row.ratio for value in (row.ratio.low, row.ratio.high) if value > 0]
    # One interval that knows nothing would flatten all others: it ends at the axis, and its figures stand beside it.
    return max(_LEAST_REACH, min(max(ends, default=0.0), _MOST_REACH * max(points, default=0.0)))


def _change(row: GateRow, reach: float) -> ChangeRow:
    planned = row.kind == "plan"
    word = (
        {"fail": "changed", "pass": "unchanged"}.get(row.verdict, row.verdict) if planned else row.word or row.verdict
    )
    return ChangeRow(
        icon=_ICONS[row.tone],
        tone=row.tone,
        word=word.capitalize(),
        what="query plan" if planned else shorten(metric_name(row.name), _LONGEST),
        levels=shorten(row.levels, _LONGEST),
        operation=shorten(row.operation, _LONGEST),
        baseline=row.against,
        candidate=row.observed,
        size=row.size,
        reason=shorten(row.reason, 400),
        bar=_bar(row, reach),
        keys=(str(_ORDER.index(row.tone)), *map(_key, (row.ratio.point if row.ratio else None, *row.values))),
        of_plan=planned,
    )


def _key(value: float | None) -> str:
    return "" if value is None else f"{value:.9g}"


def _bar(row: GateRow, reach: float) -> Bar | None:
    if row.ratio is None or row.ratio.low <= 0:
        return None
    margin = row.margin or 0.0
    low, point, high, band_low, band_high = (
        round(min(100.0, max(0.0, 50 + 50 * math.log(value) / reach)), 2)
        for value in (row.ratio.low, row.ratio.point, row.ratio.high, max(1 - margin, 1e-9), 1 + margin)
    )
    return Bar(low, point, high, band_low, band_high)
