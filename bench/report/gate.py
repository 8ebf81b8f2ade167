"""A judgement laid out for every output: what is said, in the order of importance, before any format is chosen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bench.analysis.wording import count
from bench.report.numbers import limit, with_interval
from bench.report.scenario_lines import line_of
from bench.report.words import describe, reveal, varied_keys

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.analysis.gate.result import GateLine, GateResult
    from bench.analysis.measurement import Judgement
    from bench.model.scenario import Level
    from bench.stats.estimate import Estimate

_WORST_FIRST: Final = ("fail", "inconclusive", "pass")
_ALL: Final = "*"
_TONES: Final = {"regression": "bad", "improvement": "good"}
_UNCOMPARED: Final = {"fail": "bad", "inconclusive": "unsure"}
"""Of lines that compare no numbers: a plan that became another fails without a ratio."""


@dataclass(frozen=True, slots=True)
class GateRow:
    """One line, printed. ``key`` is the same from run to run."""

    key: str
    kind: str
    verdict: str
    what: str
    name: str
    operation: str
    treatment: str
    levels: str
    """What tells its treatment apart from the others; empty where there are no others."""
    observed: str
    against: str
    word: str
    """What happened: regression, improvement, equivalent, not worse, inconclusive; empty where nothing is compared."""
    size: str
    """How large the change is, with its interval."""
    reason: str
    counts: bool
    tone: str
    """``bad`` for a change for the worse, ``good`` for the better, ``unsure`` where that is not known."""
    ratio: Estimate | None
    """Candidate over baseline, of what is compared by ratio."""
    values: tuple[float | None, float | None]
    """Baseline or limit, and what was observed, to sort by."""
    margin: float | None
    """How large a share of the baseline matters."""
    line: int
    """Where the scenario states it."""

    @property
    def change(self) -> str:
        """What happened and how much, in one text."""
        return f"{self.word} {self.size}".strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a judgement comes from: the scenario's file as a reader of the repository knows it, and when it ran."""

    source: str = ""
    """Path of the scenario's file, relative to the repository."""
    text: str = ""
    started_utc: str = "1970-01-01T00:00:00+00:00"
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class GateDocument:
    """What every renderer of a judgement starts from."""

    verdict: Judgement
    sentence: str
    scenario: str
    run_id: str
    baseline: str
    treatment: str
    """The levels that are the same for all lines; lines do not repeat them."""
    rows: tuple[GateRow, ...]
    allowed: tuple[str, ...]
    notes: tuple[str, ...]
    origin: Origin

    @property
    def deciding(self) -> tuple[GateRow, ...]:
        """The lines that decide the verdict."""
        return tuple(row for row in self.rows if row.counts)


def lay_out_gate(result: GateResult, origin: Origin | None = None) -> GateDocument:
    """Lay out a judgement, the lines that count first, the worst first."""
    origin = origin or Origin()
    ordered = sorted(result.lines, key=lambda line: (not line.counts, _WORST_FIRST.index(line.verdict)))
    treatments = [line.treatment for line in ordered if line.treatment]
    varied = varied_keys(treatments)
    rows = tuple(_row(line, varied, origin) for line in ordered)
    return GateDocument(
        verdict=result.verdict,
        sentence=_sentence(result, rows),
        scenario=reveal(result.scenario),
        run_id=reveal(result.run_id),
        baseline=reveal(result.baseline or ""),
        treatment=_common(treatments, varied),
        rows=rows,
        allowed=tuple(reveal(str(difference)) for difference in result.allowed),
        notes=tuple(map(reveal, result.notes)),
        origin=origin,
    )


def _sentence(result: GateResult, rows: tuple[GateRow, ...]) -> str:
    mine = [row for row in rows if row.counts]
    words = {"pass": "passed", "fail": "failed", "inconclusive": "inconclusive"}
    numbers = {verdict: sum(row.verdict == verdict for row in mine) for verdict in _WORST_FIRST}
    said = ", ".join(f"{number} {words[verdict]}" for verdict, number in numbers.items() if number)
    against = f" against {result.baseline}" if result.baseline else ""
    how = ", both sides interleaved" if result.paired else ""
    return f"{reveal(result.scenario)}{reveal(against)}{how}: {count(len(mine), 'line')}, {said}"


def _common(treatments: Sequence[Mapping[str, Level]], varied: Sequence[str]) -> str:
    shared = {key: level for key, level in treatments[0].items() if key not in varied} if treatments else {}
    return describe(shared) if shared else ""


def _row(line: GateLine, varied: Sequence[str], origin: Origin) -> GateRow:
    unit = "%" if line.unit == "1" else line.unit
    treatment = describe(line.treatment) if line.treatment else ""
    levels = describe(line.treatment, varied) if line.treatment and varied else ""
    name = reveal(line.name)
    what = f"{name} ({levels})" if levels else name
    operation = "all" if line.operation == _ALL else reveal(line.operation)
    return GateRow(
        key=" · ".join(part for part in (line.kind, name, reveal(line.operation), treatment) if part),
        kind=line.kind,
        verdict=line.verdict,
        what=what,
        name=name,
        operation=operation,
        treatment=treatment,
        levels=levels,
        observed=with_interval(line.observed, unit) if line.observed else "not measured" if line.kind != "plan" else "",
        against=_against(line, unit),
        word=line.change,
        size=_size(line),
        reason=_reason(line),
        counts=line.counts,
        tone=_TONES.get(line.change, _UNCOMPARED.get(line.verdict, "")),
        ratio=line.ratio,
        values=(line.baseline.point if line.baseline else line.limit, line.observed.point if line.observed else None),
        margin=line.margin,
        line=line_of(origin.text, line.name, line.operation),
    )


def _reason(line: GateLine) -> str:
    said = {None: "", True: "a rerun confirmed it", False: "a rerun did not confirm it"}[line.confirmed]
    return "; ".join(part for part in (reveal(line.reason), said) if part)


def _against(line: GateLine, unit: str) -> str:
    if line.kind == "budget":
        return f"limit {limit(line.limit, unit)}" if line.limit is not None else ""
    return with_interval(line.baseline, unit) if line.baseline else ""


def _size(line: GateLine) -> str:
    if line.ratio is not None:
        return _shift(line.ratio)
    if line.difference is not None:
        if line.difference.unit == "1":  # "%" would read as a part of the baseline
            return with_interval(line.difference, "%").replace(" %", " points")
        return with_interval(line.difference, line.difference.unit)
    return ""


def _shift(ratio: Estimate) -> str:
    point, low, high = (100 * (value - 1) for value in (ratio.point, ratio.low, ratio.high))
    return f"{point:+.1f} % [{low:+.1f}, {high:+.1f}]"
