"""The history as a page: a trend for each metric, coloured by level, and the run in which the level changed."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Final

from markupsafe import Markup

from bench import __version__
from bench.analysis.wording import count
from bench.report.charts.canvas import Styles
from bench.report.charts.curves import Curve, Curves, Point
from bench.report.html import render_page
from bench.report.sections.environment import instant
from bench.report.sections.figure import Figure
from bench.report.tables import Cell, Column, Table, estimate_cell
from bench.report.words import describe, metric_name, metric_unit, operation_name, shorten, slug

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.analysis.history import Series, Turn

_MOST: Final = 24
"""Charts on the page; the table below names the rest."""
_LONGEST: Final = 80
"""Letters of a name in a title or a cell."""


def render_history(series: Sequence[Series], runs: int, notes: Sequence[str]) -> str:
    """Return the page; the same series give the same bytes."""
    styles = Styles()
    several = [one for one in series if len(one.moments) > 1]
    figures = [_figure(one, number) for number, one in enumerate(several[:_MOST], 1)]
    drawings = {
        figure.anchor: Markup(figure.chart.draw(figure.anchor, figure.alt, styles))  # noqa: S704 - our own SVG, escaped
        for figure in figures
    }
    turned = sum(len(one.turns) for one in series)
    lead = f"{count(len(series), 'series', 'series')} over {count(runs, 'run')}, {count(turned, 'change')} of level"
    if len(several) < len(series):
        lead += f"; {count(len(series) - len(several), 'series of one run is', 'series of one run are')} not drawn"
    if len(several) > _MOST:
        lead += f"; the {_MOST} that changed most or ran longest are drawn"
    return render_page(
        "history.html.j2",
        css=styles.sheet(),
        generator=f"poolbench {__version__}",
        lead=lead,
        notes=notes,
        figures=figures,
        drawings=drawings,
        turns=_turns(series),
    )


def _title(one: Series) -> str:
    return f"{shorten(one.scenario, _LONGEST)}: {metric_name(one.metric)}, {operation_name(one.operation)}"


def _turns(series: Sequence[Series]) -> Table:
    columns = tuple(
        Column(title, numeric=title == "Change")
        for title in ("What", "With", "Change", "Since run", "Last run before", "Also changed")
    )
    rows = tuple(
        (
            Cell(_title(one)),
            Cell(describe(one.treatment)),
            Cell(f"{100 * (turn.ratio - 1):+.1f} %", turn.direction, turn.ratio, _tone(turn)),
            Cell(_short(turn.run_id), _short(turn.commit)),
            Cell(_short(turn.before_run_id), _short(turn.before_commit)),
            Cell("; ".join(map(_short, turn.also)) or "nothing that was recorded"),
        )
        for one in series
        for turn in one.turns
    )
    return Table("Changes of level", columns, rows)


def _short(text: str) -> str:
    return shorten(text, _LONGEST)


def _tone(turn: Turn) -> str:
    return "good" if turn.direction == "better" else "bad"


def _figure(one: Series, number: int) -> Figure:
    unit = metric_unit(one.metric, one.moments[0].value.unit)
    points = [
        Point(float(place), moment.value.point, moment.value.low, moment.value.high)
        for place, moment in enumerate(one.moments)
    ]
    starts = [0, *(_place(one, turn.run_id) for turn in one.turns), len(points)]
    curves = tuple(
        Curve(f"since {one.moments[start].commit}" if start else "first level", tuple(points[start:end]))
        for start, end in itertools.pairwise(starts)
    )
    title = _title(one)
    said = "; ".join(
        f"{100 * (turn.ratio - 1):+.1f} % ({turn.direction}) since {_short(turn.run_id)}" for turn in one.turns
    )
    made = ", ".join(
        f"{_short(name)} {_short(str(value))}" for name, value in one.made_with.items() if name != "scenario"
    )
    return Figure(
        anchor=f"series-{number}-{slug(title)}",
        title=title,
        caption=f"{describe(one.treatment)}. {said or 'The level did not change'}. Made with {made}.",
        alt=f"{title} over {count(len(points), 'run')}: {said or 'the level did not change'}",
        chart=Curves(
            x_title="run, oldest first",
            y_title=metric_name(one.metric),
            unit=unit,
            ticks=tuple((float(place), moment.started_utc[5:10]) for place, moment in enumerate(one.moments)),
            curves=curves,
            words=True,
            from_zero=unit not in ("s", "1/s"),
        ),
        table=Table(
            title,
            (Column("Run"), Column("Started"), Column("Commit"), Column("Value", numeric=True)),
            tuple(
                (
                    Cell(_short(moment.run_id)),
                    Cell(_short(instant(moment.started_utc))),
                    Cell(_short(moment.commit)),
                    estimate_cell(moment.value, one.metric),
                )
                for moment in one.moments
            ),
        ),
    )


def _place(one: Series, run_id: str) -> int:
    return next(place for place, moment in enumerate(one.moments) if moment.run_id == run_id)
