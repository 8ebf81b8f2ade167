"""What a tuning tried: the effect of every change with its interval, and response times before and after the proven."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bench.analysis.tuning.candidate import COMBINATION
from bench.analysis.tuning.pairs import known_operation, pairs_of
from bench.analysis.wording import count
from bench.report.charts.curves import Curve, Curves, Point, Rule
from bench.report.sections.distributions import histograms, spectrum
from bench.report.sections.figure import Figure, Gallery
from bench.report.tables import LAST, Cell, Column, Table
from bench.report.words import ABSENT, ALL_OPERATIONS, operation_name, plain, shorten
from bench.stats.estimate import Estimate

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.analysis.summary import TrialSummary
    from bench.analysis.tuning.decision import Decision, Effect
    from bench.analysis.tuning.outcome import TuningOutcome
    from bench.model.scenario import Scenario

ANCHOR: Final = "tuning"
_MOST_SPECTRA: Final = 6
_LONGEST: Final = 60
_TONES: Final = {"proven": "good", "harmful": "bad", "undecided": "unsure", "no effect": ""}


def draw_tuning(
    outcome: TuningOutcome | None, trials: Sequence[TrialSummary], scenario: Scenario | None
) -> Gallery | None:
    """Draw the effects, then a chart for each change that is kept and one for all together; None for other runs."""
    if outcome is None or scenario is None:
        return None
    title = "What was tried"
    if not outcome.tried:
        return Gallery(ANCHOR, title, "", (), "Nothing to try was found.")
    shown = [(one.candidate.id, one.candidate.title, one.candidate.operation) for one in outcome.kept[:_MOST_SPECTRA]]
    if outcome.combination is not None:
        shown.insert(0, (COMBINATION, "all that is kept, together", ALL_OPERATIONS))
    spectra = [_before_after(identity, what, known_operation(operation, scenario), trials)
               for identity, what, operation in shown]  # fmt: skip
    figures = (_effects(outcome), *spectra)
    lead = (
        "Each change was measured alone beside the unchanged state, in interleaved pairs. "
        "How to make a change and how to take it back stands with its recommendation."
    )
    return Gallery(ANCHOR, title, lead, tuple(figure for figure in figures if figure is not None))


def _entries(outcome: TuningOutcome) -> list[tuple[str, str, Decision, bool]]:
    """Return name, title, decision and whether it is kept, of every change and of the kept ones together."""
    kept = {one.candidate.id for one in outcome.kept}
    found = [(one.candidate.id, one.candidate.title, one.decision, one.candidate.id in kept) for one in outcome.tried]
    if outcome.combination is not None:
        found.insert(0, ("together", "all that is kept, together", outcome.combination, True))
    return found


def _effects(outcome: TuningOutcome) -> Figure | None:
    entries = _entries(outcome)
    metrics = list(dict.fromkeys(effect.metric for _, _, decision, _ in entries for effect in decision.effects))
    curves = tuple(curve for metric in metrics if (curve := _curve(metric, entries)).points)
    if not curves:
        return None
    chart = Curves(
        x_title="Change",
        y_title="Changed beside unchanged",
        unit="%",
        ticks=tuple((float(place), name) for place, (name, *_) in enumerate(entries)),
        curves=curves,
        legend_title="Metric",
        from_zero=False,
        limit=Rule(1.0, "unchanged"),
        words=True,
        joined=False,
    )
    proven = sum(decision.outcome == "proven" for _, _, decision, _ in entries)
    alt = (
        f"For {count(len(entries), 'change')} the ratio of {' and '.join(metrics)}, changed beside unchanged, with "
        f"intervals; 100 % is no effect. {count(proven, 'change')} proven."
    )
    caption = (
        "Geometric mean over interleaved pairs; the intervals hold for all changes and looks together. "
        "A response time below 100 % and a throughput above it are better. "
        + "; ".join(f"{name}: {plain(shorten(what, _LONGEST))}" for name, what, *_ in entries)
        + "."
    )
    return Figure("effects", "Effect of every change", caption, alt, chart, _table(entries, metrics))


def _curve(metric: str, entries: Sequence[tuple[str, str, Decision, bool]]) -> Curve:
    points = []
    for place, (_, _, decision, _) in enumerate(entries):
        ratio = next((effect.ratio for effect in decision.effects if effect.metric == metric), None)
        if isinstance(ratio, Estimate):
            points.append(Point(float(place), ratio.point, ratio.low, ratio.high))
    return Curve(metric, tuple(points))


def _table(entries: Sequence[tuple[str, str, Decision, bool]], metrics: Sequence[str]) -> Table:
    columns = (
        Column("Name"),
        Column("Change"),
        Column("Verdict"),
        Column("Kept"),
        Column("Pairs", numeric=True),
        *(Column(metric, numeric=True) for metric in metrics),
    )
    return Table("Every change that was tried", columns, tuple(tuple(_row(entry, metrics)) for entry in entries))


def _row(entry: tuple[str, str, Decision, bool], metrics: Sequence[str]) -> Iterator[Cell]:
    name, title, decision, kept = entry
    yield Cell(name)
    yield Cell(plain(shorten(title, 200)))
    yield Cell(decision.outcome, tone=_TONES[decision.outcome])
    yield Cell("yes" if kept else "no")
    yield Cell(f"{decision.pairs}", order=decision.pairs)
    effects = {effect.metric: effect for effect in decision.effects}
    for metric in metrics:
        yield _effect_cell(effects.get(metric), decision)


def _effect_cell(effect: Effect | None, decision: Decision) -> Cell:
    if effect is None or not isinstance(effect.ratio, Estimate):
        return Cell(ABSENT, plain(decision.reason), LAST, "absent")
    low, high = (f"{100 * (end - 1):+.0f}" for end in (effect.ratio.low, effect.ratio.high))
    return Cell(f"{100 * (effect.ratio.point - 1):+.0f} %", f"[{low}, {high}]", effect.ratio.point)


def _before_after(identity: str, title: str, operation: str, trials: Sequence[TrialSummary]) -> Figure | None:
    pairs = [pair for pair in pairs_of(identity, trials) if pair.usable(operation)]
    of_what = "" if operation == ALL_OPERATIONS else f", {operation_name(operation)}"
    return spectrum(
        f"tuned-{identity}",
        plain(f"Before and after: {shorten(title, _LONGEST)}{of_what}"),
        [
            ("unchanged", histograms([pair.before for pair in pairs], operation), False),
            ("changed", histograms([pair.after for pair in pairs], operation), True),
        ],
        "Side of the pairs",
    )
