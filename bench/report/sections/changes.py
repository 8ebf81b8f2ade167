"""What changed against the baseline: said first, in one sentence, with the lines that did not change folded away."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bench.analysis.gate.standing import Compared, Incomparable, IsBaseline, Unset
from bench.analysis.wording import count
from bench.report.gate import lay_out_gate
from bench.report.sections.change_rows import FOLDED, GROUPS, ChangeRows, lay_out_changes
from bench.report.words import shorten

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.analysis.gate.standing import Standing
    from bench.report.sections.banner import State
    from bench.report.sections.change_rows import ChangeRow

_MOST: Final = 200
_MOST_FOLDED: Final = 100
"""Lines of a table; the page of the comparison has them all."""
_EMPTY: Final = ChangeRows((), "")


@dataclass(frozen=True, slots=True)
class Fold:
    """Lines that are shown when asked for; ``left_out`` counts those that are not there."""

    title: str
    rows: tuple[ChangeRow, ...]
    left_out: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeSection:
    """A run against the baseline; without ``title`` only ``quiet`` is shown, a sentence."""

    quiet: str = ""
    title: str = ""
    state: State = "none"
    sentence: str = ""
    href: str = ""
    """Address of the baseline's report."""
    treatment: str = ""
    evidence: str = ""
    remedy: str = ""
    changed: ChangeRows = _EMPTY
    left_out: int = 0
    """Changes for which the table has no room."""
    folds: tuple[Fold, ...] = ()
    notices: tuple[str, ...] = ()
    hint: str = ""
    command: str = ""

    @property
    def number(self) -> int:
        """How many lines changed."""
        return len(self.changed.rows) + self.left_out

    @property
    def line(self) -> str:
        """Everything in one line."""
        return f"{self.title}: {self.sentence}" if self.title else self.quiet


def lay_out_standing(standing: Standing, run_id: str, href: str = "") -> ChangeSection:
    """Say how a run stands against its baseline, whose report has the address ``href``."""
    match standing:
        case Unset(free=free):
            return ChangeSection(
                quiet=f"This scenario has no baseline yet. `{_command('baseline', 'set', free, run_id)}` makes this "
                "run the one that later reports begin with."
            )
        case IsBaseline(name=name):
            return ChangeSection(quiet=f"This run is the baseline `{name}`: later runs are compared with it.")
        case Incomparable():
            return _lay_out_incomparable(standing, run_id)
        case Compared():
            return _lay_out_compared(standing, run_id, href)


def count_changes(rows: Sequence[ChangeRow]) -> str:
    """Return how many lines are worse, better, inconclusive and unchanged: ``2 worse, 6 unchanged or not worse``."""
    numbers = {group: sum(row.group == group for row in rows) for group in GROUPS}
    return ", ".join(f"{number} {group}" for group, number in numbers.items() if number)


def _lay_out_incomparable(standing: Incomparable, run_id: str) -> ChangeSection:
    return ChangeSection(
        title=f"Not compared with {_named(standing)}" if standing.name else "Not compared with a baseline",
        state="inconclusive",
        sentence=f"{shorten(standing.problem, 400)}.",
        evidence=shorten(standing.evidence, 600),
        remedy=shorten(standing.remedy, 400),
        hint=_others(standing.others),
        command=_command("compare", standing.name, run_id) if standing.name else "",
    )


def _lay_out_compared(standing: Compared, run_id: str, href: str) -> ChangeSection:
    document = lay_out_gate(standing.result)
    every = lay_out_changes(document.rows)
    by_group = {group: tuple(row for row in every.rows if row.group == group) for group in GROUPS}
    changed = tuple(row for row in every.rows if row.tone in ("bad", "good"))
    said = "" if changed else "Nothing is evidently different. "
    later = ("The baseline ran after this run: what differs happened the other way round.",) if standing.later else ()
    return ChangeSection(
        title=f"Changed against {_named(standing)}",
        state=document.verdict,
        sentence=f"{said}{count(len(every.rows), 'line')}: {count_changes(every.rows)}.",
        href=href,
        treatment=document.treatment,
        changed=ChangeRows(changed[:_MOST], every.axis),
        left_out=max(0, len(changed) - _MOST),
        folds=tuple(
            Fold(f"{count(len(rows), 'line')} {group}", rows[:_MOST_FOLDED], max(0, len(rows) - _MOST_FOLDED))
            for group, rows in by_group.items()
            if rows and group in FOLDED
        ),
        notices=(*later, *(shorten(note, 400) for note in document.notes)),
        hint=f"This decides nothing: `{_command('gate', run_id, '--baseline', standing.name)}` judges by it. "
        f"{_others(standing.others)}".strip(),
        command=_command("compare", standing.name, run_id),
    )


def _named(standing: Compared | Incomparable) -> str:
    return f"baseline {shorten(standing.name)} ({shorten(standing.baseline_id)})"


def _others(names: Sequence[str]) -> str:
    if not names:
        return ""
    known = ", ".join(shorten(name, 100) for name in names[:5])
    return f"Other baselines of this scenario: {known} (`bench report RUN --baseline NAME`)."


def _command(*words: str) -> str:
    return shlex.join(("bench", *words))
