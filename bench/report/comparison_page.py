"""Two runs compared, as a page: the largest changes first, each with its interval against what would matter."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bench import __version__
from bench.report.html import render_page
from bench.report.numbers import count
from bench.report.words import metric_name, shorten

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.report.gate import GateDocument, GateRow

_ORDER: Final = ("bad", "good", "unsure", "")
_LEAST_REACH: Final = math.log(1.1)
"""The bars reach at least 10 % to either side, so that noise does not look like a change."""
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
class Change:
    """One line of the comparison."""

    icon: str
    tone: str
    word: str
    what: str
    operation: str
    baseline: str
    candidate: str
    size: str
    reason: str
    bar: Bar | None


@dataclass(frozen=True, slots=True)
class Run:
    """One of the two runs; ``href`` leads to its report, and is empty where there is none."""

    role: str
    run_id: str
    href: str


def render_comparison(document: GateDocument, baseline: str, candidate: str, links: Mapping[str, str]) -> str:
    """Return the page; ``links`` are addresses of the runs' reports. The same judgement gives the same bytes."""
    rows = sorted((row for row in document.rows if row.counts), key=_importance)
    reach = _reach(rows)
    changed = sum(row.tone in ("bad", "good") for row in rows)
    return render_page(
        "comparison.html.j2",
        generator=f"poolbench {__version__}",
        title=f"{shorten(document.scenario, 60)}: {count(changed, 'change')}",
        state=document.verdict,
        word={"pass": "NOT WORSE", "fail": "WORSE", "inconclusive": "INCONCLUSIVE"}[document.verdict],
        sentence=shorten(document.sentence, 400),
        treatment=document.treatment,
        changes=[_change(row, reach) for row in rows],
        axis=f"{100 * (math.exp(-reach) - 1):.0f} % to {100 * (math.exp(reach) - 1):+.0f} %",
        runs=[
            Run(role, shorten(run, _LONGEST), links.get(run, ""))
            for role, run in (("Baseline", baseline), ("Candidate", candidate))
        ],
        allowed=document.allowed,
        notes=document.notes,
        command=f"bench compare {baseline} {candidate}",
    )


def _importance(row: GateRow) -> tuple[int, float, str]:
    """Order by what happened, then by how large it is."""
    return _ORDER.index(row.tone), -abs(math.log(row.ratio.point)) if row.ratio else 0.0, row.key


def _reach(rows: Sequence[GateRow]) -> float:
    """Return how far the common axis reaches to either side, in logarithms of the ratio: halving mirrors doubling."""
    ends = [abs(math.log(value)) for row in rows if row.ratio for value in (row.ratio.low, row.ratio.high) if value > 0]
    return max(_LEAST_REACH, *ends) if ends else _LEAST_REACH


def _change(row: GateRow, reach: float) -> Change:
    return Change(
        icon=_ICONS[row.tone],
        tone=row.tone,
        word=(row.word or row.verdict).capitalize(),
        what=shorten(_named(row), _LONGEST),
        operation=shorten(row.operation, _LONGEST),
        baseline=row.against,
        candidate=row.observed,
        size=row.size,
        reason=shorten(row.reason, 400),
        bar=_bar(row, reach),
    )


def _named(row: GateRow) -> str:
    return row.what.replace(row.name, metric_name(row.name), 1) if row.kind == "comparison" else row.what


def _bar(row: GateRow, reach: float) -> Bar | None:
    if row.ratio is None or row.ratio.low <= 0:
        return None
    margin = row.margin or 0.0
    low, point, high, band_low, band_high = (
        round(min(100.0, max(0.0, 50 + 50 * math.log(value) / reach)), 2)
        for value in (row.ratio.low, row.ratio.point, row.ratio.high, max(1 - margin, 1e-9), 1 + margin)
    )
    return Bar(low, point, high, band_low, band_high)
