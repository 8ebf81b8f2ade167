"""The list of all reports: `reports/index.html`, newest first, to be searched and sorted without a server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from bench.analysis.measurement import Judgement  # noqa: TC001 - msgspec reads it when an entry is read back
from bench.analysis.wording import count
from bench.report.html import render_page
from bench.report.sections.banner import State  # noqa: TC001 - msgspec reads it when an entry is read back
from bench.report.sections.environment import instant
from bench.report.words import shorten

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bench.report.document import Document


COMPARISONS: Final = "compare"
TRENDS: Final = "history"
"""Folders beside the index that no run owns."""
_LONGEST_ID: Final = 100


@dataclass(frozen=True, slots=True)
class IndexedRun:
    """One line of the index. ``folder`` is the report's folder beside the index."""

    folder: str
    run_id: str
    scenario: str
    started_utc: str
    state: State
    word: str
    answer: str

    @property
    def href(self) -> str:
        """The report's address, relative to the index."""
        return f"./{quote(self.folder.strip('/'))}/index.html"

    @property
    def started(self) -> str:
        """When the run started, for people."""
        return shorten(instant(self.started_utc), 40)

    @property
    def short_run_id(self) -> str:
        """The run's name, cut to a cell."""
        return shorten(self.run_id, _LONGEST_ID)

    @property
    def short_word(self) -> str:
        """The verdict's word, cut to a cell."""
        return shorten(self.word, 40)

    @property
    def short_answer(self) -> str:
        """The answer, cut to a line of the list."""
        return shorten(self.answer, 240)

    @property
    def short_scenario(self) -> str:
        """The scenario's name, cut to a cell."""
        return shorten(self.scenario, 80)


@dataclass(frozen=True, slots=True)
class IndexedComparison:
    """Two runs that were compared; its page lies in the folder ``COMPARISONS`` beside the index."""

    baseline: str
    candidate: str
    verdict: Judgement
    sentence: str

    @property
    def href(self) -> str:
        """The page's address, relative to the index."""
        return f"./{COMPARISONS}/{quote(self.baseline, safe='')}/{quote(self.candidate, safe='')}/index.html"

    @property
    def short_runs(self) -> tuple[str, str]:
        """Baseline and candidate, cut to cells."""
        return shorten(self.baseline, _LONGEST_ID), shorten(self.candidate, _LONGEST_ID)

    @property
    def short_sentence(self) -> str:
        """The judgement, cut to a line of the list."""
        return shorten(self.sentence, 240)


def indexed(document: Document, folder: str, started_utc: str) -> IndexedRun:
    """Take from a document what the index shows of it."""
    banner = document.banner
    return IndexedRun(
        folder, document.run_id, document.title, started_utc, banner.state, banner.word.capitalize(), banner.answer
    )


def render_index(
    runs: Iterable[IndexedRun], compared: Iterable[IndexedComparison] = (), trends: Sequence[str] = ()
) -> str:
    """Return the page; the same runs and comparisons in any order give the same bytes.

    ``trends`` names the pages of the trends that lie beside it: the empty one over all runs, others by scenario.
    """
    ordered = sorted(runs, key=lambda run: (run.started_utc, run.run_id), reverse=True)
    pairs = sorted(compared, key=lambda pair: (pair.candidate, pair.baseline), reverse=True)
    return render_page(
        "index.html.j2",
        runs=ordered,
        compared=pairs,
        trends=[_link(name) for name in trends],
        told=count(len(ordered), "run"),
    )


def _link(scenario: str) -> tuple[str, str]:
    """Return the words and the address of a page of trends."""
    if not scenario:
        return "all runs", f"./{TRENDS}/index.html"
    return shorten(scenario), f"./{TRENDS}/{quote(scenario)}/index.html"
