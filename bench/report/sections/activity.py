"""What the server did in the advised treatment's windows: waits, CPU, and whether its blocks were in the cache."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bench.analysis.activity import cpu_over_window, readings_in_window, table_accesses, waits_over_window
from bench.analysis.wording import count
from bench.model.timeline import BACKENDS, CPU, IDLE, IN_TRANSACTION, POOLER, SERVER, WORKERS
from bench.report.charts.areas import Areas
from bench.report.charts.curves import Curve, Curves, Point, Rule
from bench.report.charts.stack import Stack
from bench.report.numbers import quantity
from bench.report.sections.figure import Figure
from bench.report.sections.window_lines import second_ticks
from bench.report.tables import Cell, Column, Table
from bench.report.words import shorten

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.analysis.activity import Series
    from bench.analysis.summary import TrialSummary

_SECONDS: Final = "Seconds since the window began"
_MOST_TABLES: Final = 12
_MOST_NAMED: Final = 3
GROUP_NAMES: Final = {
    BACKENDS: "server connections",
    SERVER: "server, other processes",
    POOLER: "pooler",
    WORKERS: "load generator",
}


def draw_activity(trials: Sequence[TrialSummary]) -> list[Figure]:
    """Draw what the collector saw in these trials; nothing where none ran, as in older runs."""
    figures = [_waits(trials), _cpu(trials), _blocks(trials)]
    return [figure for figure in figures if figure is not None]


def describe_activity(trials: Sequence[TrialSummary]) -> str:
    """Say what else went on: WAL, checkpoints, autovacuum, temporary files, locks; empty without a collector."""
    timelines = [trial.facts.timeline for trial in trials if trial.facts.timeline is not None]
    if not timelines:
        return ""
    wal = sum(one.wal.get("wal_bytes", 0.0) for one in timelines)
    checkpoints = sum(one.checkpoints.get(name, 0.0) for one in timelines for name in ("num_timed", "num_requested"))
    vacuumed = sorted({text for one in timelines for text in one.autovacuumed})
    temporary = sum(trial.facts.server.database.get("temp_files", 0.0) for trial in trials if trial.facts.server)
    locked = max((one.locks_waiting for trial in trials for one in readings_in_window(trial)), default=0)
    parts = [
        f"{quantity(wal, 'bytes')} of WAL",
        count(round(checkpoints), "checkpoint"),
        count(round(temporary), "temporary file"),
        f"at most {count(locked, 'session')} waiting for a lock" if locked else "nobody waited for a lock",
        f"autovacuum worked ({'; '.join(shorten(text, 80) for text in vacuumed[:_MOST_NAMED])})"
        if vacuumed
        else "no autovacuum",
    ]
    return f" The server meanwhile: {', '.join(parts)}."


def _waits(trials: Sequence[TrialSummary]) -> Figure | None:
    series = waits_over_window(trials)
    if series is None:
        return None
    known = {CPU: "on CPU (active, no wait)", IDLE: "idle", IN_TRANSACTION: IN_TRANSACTION}
    names = {name: known.get(name, f"waiting: {name}") for name in series.values}
    title = "What the server connections did"
    # Idle ones are told in words: of a large pool they would fill the chart and leave nothing to see of the others.
    drawn = [name for name in series.values if name != IDLE] or [IDLE]
    parts = tuple((names[name], series.values[name]) for name in drawn)
    chart = Areas(series.seconds, parts, _SECONDS, f"{'Idle' if drawn == [IDLE] else 'Busy'} server connections", "1")
    means = sorted(((names[name], mean) for name, mean in series.means.items()), key=lambda pair: -pair[1])
    whole = sum(mean for _, mean in means)
    alt = (
        f"{title} over the window, mean of {count(len(trials), 'trial')}: of {whole:.1f} connections "
        + ", ".join(f"{mean:.1f} {name}" for name, mean in means)
        + "."
    )
    caption = (
        "Sessions of the load in pg_stat_activity, read a few times a second and averaged over the trials; "
        f"{series.means.get(IDLE, 0.0):.1f} of {whole:.1f} were idle on average. "
        "An active session without a wait computes, or would if it had a core; reading a request and sending an answer "
        "count as idle, so quick statements are seen busy less than their CPU says."
    )
    return Figure("timeline-waits", title, caption, alt, chart, _table(title, series, names, ""))


def _cpu(trials: Sequence[TrialSummary]) -> Figure | None:
    series = cpu_over_window(trials)
    if series is None or not series.values:
        return None
    title = "Cores used"
    lines = tuple(
        Curve(
            GROUP_NAMES[name],
            tuple(Point(x, y, y, y) for x, y in zip(series.seconds, values, strict=True)),
        )
        for name, values in series.values.items()
    )
    cores = trials[0].facts.cores
    chart = Curves(
        x_title=_SECONDS,
        y_title=title,
        unit="1",
        ticks=second_ticks(series.seconds[-1]),
        curves=lines,
        limit=Rule(float(cores), f"{count(cores, 'core')} there are", below=True),
        markers=False,
    )
    means = series.means
    alt = (
        f"{title} over the window by group of processes, mean of {count(len(trials), 'trial')}: "
        + ", ".join(f"{GROUP_NAMES[name]} {mean:.2f}" for name, mean in means.items())
        + f"; the machine has {cores}."
    )
    caption = "From the kernel's account of each process, which counts in hundredths of a second."
    return Figure("timeline-cpu", title, caption, alt, chart, _table(title, series, GROUP_NAMES, "cores"))


def _table(title: str, series: Series, names: dict[str, str], unit: str) -> Table:
    columns = (
        Column("Seconds", numeric=True),
        *(Column(names.get(name, name).capitalize(), numeric=True) for name in series.values),
    )
    return Table(f"{title}{f' ({unit})' if unit else ''} during the window", columns, tuple(_rows(series)))


def _rows(series: Series) -> Iterator[tuple[Cell, ...]]:
    for index, second in enumerate(series.seconds):
        values = (values[index] for values in series.values.values())
        yield (Cell(f"{second:.2f}", order=second), *(Cell(f"{value:.2f}", order=value) for value in values))


def _blocks(trials: Sequence[TrialSummary]) -> Figure | None:
    tables = table_accesses(trials)
    if not tables:
        return None
    shown = tables[:_MOST_TABLES]
    title = "Blocks asked for, by table"
    chart = Stack(
        rows=tuple(shorten(table.table, 60) for table in shown),
        parts=(
            ("found in shared buffers", tuple(float(table.hit) for table in shown)),
            ("not found: read from the system", tuple(float(table.accesses - table.hit) for table in shown)),
        ),
        x_title="Blocks of 8 kB, with indexes",
        unit="1",
    )
    accesses, hit = sum(table.accesses for table in tables), sum(table.hit for table in tables)
    alt = (
        f"{title}: {quantity(hit / accesses, '%')} of {accesses:,} blocks in {count(len(tables), 'table')} were in "
        f"shared buffers. Most asked: {shown[0].table}, {quantity(shown[0].hit / shown[0].accesses, '%')} of "
        f"{shown[0].accesses:,}."
    )
    caption = (
        "Differences of pg_statio_user_tables over the windows, all trials together; what was not in shared buffers "
        "may still have come from the operating system's cache. The server's counters may lag by a second."
    )
    columns = (
        Column("Table"),
        Column("Table blocks", numeric=True),
        Column("Index blocks", numeric=True),
        Column("In shared buffers", numeric=True),
    )
    rows = tuple(
        (
            Cell(shorten(table.table, 100)),
            Cell(f"{table.heap_hit + table.heap_read:,}", order=table.heap_hit + table.heap_read),
            Cell(f"{table.index_hit + table.index_read:,}", order=table.index_hit + table.index_read),
            Cell(quantity(table.hit / table.accesses, "%"), order=table.hit / table.accesses),
        )
        for table in tables
    )
    return Figure("timeline-blocks", title, caption, alt, chart, Table(title, columns, rows))
