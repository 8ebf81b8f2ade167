"""The answer of the analysis in the page's words: which pool size, why, and what that cannot claim."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bench.analysis.summary import key_of
from bench.analysis.wording import count
from bench.design.search import MARGIN
from bench.report.charts.curves import Curve, Curves, Point, Rule
from bench.report.numbers import limit, with_interval
from bench.report.sections.figure import Figure
from bench.report.tables import Cell, Column, Table, estimate_cell, level_cell
from bench.report.words import capital, describe, plain, setting, varied_keys

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bench.analysis.answer import Answer, SubjectAnswer
    from bench.analysis.load_answer import LoadAnswer
    from bench.model.scenario import Level
    from bench.stats.estimate import Estimate

_TONES: Final = {"pass": "good", "fail": "bad", "inconclusive": "unsure", "none": ""}


@dataclass(frozen=True, slots=True)
class Advice:
    """One sentence, its reasons and its limits. ``treatments`` are the advised ones, each under its highest load."""

    sentence: str
    because: tuple[str, ...] = ()
    cannot: tuple[str, ...] = ()
    treatments: tuple[Mapping[str, Level], ...] = ()

    @property
    def treatment(self) -> Mapping[str, Level] | None:
        """The treatment that single numbers speak of: that of the first subject with an answer."""
        return self.treatments[0] if self.treatments else None


NOTHING: Final = Advice("These measurements give no answer to the question of this run.")


def advise(answer: Answer | None) -> Advice:
    """Put the answer into words; several subjects, such as two drivers, get a sentence each."""
    if answer is None or not (answer.subjects or answer.recommended):
        return NOTHING
    if not answer.subjects:  # the run looked for something else than a pool size, such as the highest rate
        return Advice(plain(answer.headline), treatments=answer.recommended)
    names = _names(answer)
    found = (_treatment(subject, answer) for subject in answer.subjects)
    return Advice(
        sentence=" ".join(_sentence(subject, name) for subject, name in zip(answer.subjects, names, strict=True)),
        because=(
            *(line for subject, name in zip(answer.subjects, names, strict=True) for line in _reasons(subject, name)),
            *_formula(answer),
        ),
        cannot=tuple(
            plain((f"For {name}: " if name else "") + text)
            for subject, name in zip(answer.subjects, names, strict=True)
            for text in subject.cannot_claim
        ),
        treatments=tuple(treatment for treatment in found if treatment is not None),
    )


def draw_costs(answer: Answer | None) -> tuple[Figure, ...]:
    """Draw throughput beside the best for every pool size, a line a load level: what a smaller pool costs."""
    if answer is None:
        return ()
    named = zip(answer.subjects, _names(answer), strict=True)
    figures = (_costs(subject, name, number) for number, (subject, name) in enumerate(named, 1))
    return tuple(figure for figure in figures if figure is not None)


def _sentence(subject: SubjectAnswer, name: str) -> str:
    where = f" with {name}" if name else ""
    sizes = {size.pool_size for load in subject.loads for size in load.sizes}
    if subject.recommended is None:
        return plain(f"No pool size can be recommended{where}: {subject.reason}.")
    if len(sizes) == 1:
        return f"Pool size {subject.recommended:,} is the only one measured{where}, so there is no size to choose."
    joint = ", because it is" if subject.reason.startswith("the ") else ":"
    return plain(f"Use pool size {subject.recommended:,}{where}{joint} {subject.reason}.")


def _reasons(subject: SubjectAnswer, name: str) -> Iterator[str]:
    prefix = f"{name}, " if name else ""
    for load in subject.loads:
        said = f"{prefix}{setting(load.key, load.load)}: {load.reason}"
        if load.low is not None and load.high is not None and load.low != load.high:
            said += f"; given the noise the answer lies between {load.low:,} and {load.high:,}"
        yield capital(plain(said + "."))
    top = subject.loads[-1] if subject.loads else None
    if top is not None and top.usl_peak is not None:
        yield (
            f"{prefix}{'the' if prefix else 'The'} Universal Scalability Law puts the highest throughput at "
            f"{_connections(top.usl_peak)} for {setting(top.key, top.load)}."
        )
    if top is not None and top.knee is not None:
        yield (
            f"{prefix}{'the' if prefix else 'The'} curve bends at {_connections(top.knee)} "
            f"for {setting(top.key, top.load)}."
        )


def _names(answer: Answer) -> list[str]:
    """Name each subject by what tells it from the others; a single one needs no name."""
    if len(answer.subjects) == 1:
        return [""]
    levels = [subject.levels for subject in answer.subjects]
    return [describe(one, varied_keys(levels) or None) for one in levels]


def _connections(size: Estimate) -> str:
    return f"{size.point:,.0f} connections [{size.low:,.0f}, {size.high:,.0f}]"


def _formula(answer: Answer) -> Iterator[str]:
    if answer.formula is not None:
        yield f"The formula 2 cores + 1 would have said {answer.formula:,}: a place to start, not evidence."


def _treatment(subject: SubjectAnswer, answer: Answer) -> Mapping[str, Level] | None:
    top = subject.loads[-1]
    if subject.recommended is None:
        return None
    wanted = {**subject.levels, top.key: top.load, "pool.size": subject.recommended}
    return next((levels for levels in answer.recommended if key_of(levels) == key_of(wanted)), None)


def _costs(subject: SubjectAnswer, label: str, number: int) -> Figure | None:
    sizes = sorted({size.pool_size for load in subject.loads for size in load.sizes})
    curves = tuple(
        Curve(setting(load.key, load.load), _ratios(load)) for load in subject.loads if len(_ratios(load)) > 1
    )
    if len(sizes) < 2 or not curves:
        return None
    title = "What a smaller pool costs" + (f" ({label})" if label else "")
    chart = Curves(
        x_title="Pool size",
        y_title="Throughput beside the best",
        unit="%",
        ticks=tuple((float(size), f"{size:,}") for size in sizes),
        curves=curves[-7:],
        legend_title="Load" if len(curves) > 1 else "",
        from_zero=False,
        far_ends_cut=True,
        limit=Rule(1 - MARGIN, f"{limit(1 - MARGIN, '%')} of the best", below=True),
        level=None if subject.recommended is None else Rule(float(subject.recommended), "advised"),
    )
    advised = "none" if subject.recommended is None else f"{subject.recommended:,}"
    alt = (
        f"Throughput of each pool size as a share of the best one, {count(len(curves), 'line')}, one for each load. "
        f"Advised: {advised}. Sizes above {limit(1 - MARGIN, '%')} are near enough to the best."
    )
    caption = " ".join(
        (
            f"Advised is the smallest size whose line is not shown to lie below {limit(1 - MARGIN, '%')} of the best.",
            "Bars: intervals of the ratio, trials paired by block.",
            *chart.told_cuts,
        )
    )
    return Figure(
        f"costs-{number}" if label else "costs",
        title,
        caption,
        alt,
        chart,
        _cost_table(subject),
    )


def _ratios(load: LoadAnswer) -> tuple[Point, ...]:
    return tuple(
        Point(float(size.pool_size), size.ratio.point, size.ratio.low, size.ratio.high)
        for size in load.sizes
        if size.ratio is not None and size.valid
    )


def _cost_table(subject: SubjectAnswer) -> Table:
    columns = (
        Column("Load"),
        Column("Pool size", numeric=True),
        Column("Throughput", numeric=True),
        Column("Beside the best", numeric=True),
        Column("Budgets"),
        Column("Reason"),
    )
    return Table("Every pool size at every load level", columns, tuple(_cost_rows(subject.loads)))


def _cost_rows(loads: Sequence[LoadAnswer]) -> Iterator[tuple[Cell, ...]]:
    for load in loads:
        for size in load.sizes:
            ratio = estimate_cell(size.ratio)
            if size.ratio is not None:
                share = with_interval(size.ratio, "%").split(" [")
                ratio = Cell(share[0], f"[{share[1]}" if len(share) > 1 else "", size.ratio.point)
            yield (
                Cell(setting(load.key, load.load)),
                level_cell(size.pool_size),
                estimate_cell(size.throughput),
                ratio,
                Cell(size.budgets, tone=_TONES[size.budgets]),
                Cell(plain(size.reason)),
            )
