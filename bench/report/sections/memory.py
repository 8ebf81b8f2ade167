"""Memory by pool size: what server connections, pooler and load generator held, and what one more connection costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bench.analysis.activity import backends_of, memory_by_treatment
from bench.model.timeline import BACKENDS
from bench.report.charts.curves import Curve, Curves, Point
from bench.report.numbers import quantity
from bench.report.sections.activity import GROUP_NAMES
from bench.report.sections.figure import Figure, Gallery
from bench.report.sections.levels import POOL_SIZE, sort_key
from bench.report.tables import LAST, Cell, Column, Table, estimate_cell
from bench.report.words import ABSENT, describe, ordered_keys

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.analysis.activity import MemoryUse
    from bench.analysis.summary import TrialSummary
    from bench.model.scenario import Level

_TITLE: Final = "Memory by pool size"


def draw_memory(trials: Sequence[TrialSummary], chosen: Mapping[str, Level] | None, varied: Sequence[str]) -> Gallery:
    """Draw memory over the pool size at the advised load, and list every treatment."""
    uses = memory_by_treatment(trials)
    if not uses:
        absent = "The memory of server and pooler is not known: no collector ran, or they are not on this machine."
        return Gallery("memory", _TITLE, "", (), absent)
    keys = ordered_keys(varied)
    uses.sort(key=lambda use: sort_key(use.treatment, keys))
    figure = _figure(_at_load(uses, chosen), uses, varied)
    return Gallery("memory", _TITLE, _lead(uses), (figure,))


def _lead(uses: Sequence[MemoryUse]) -> str:
    each = [use.private_each_bytes for use in backends_of(uses)]
    if not each:
        return ""
    low, high = quantity(min(each), "bytes"), quantity(max(each), "bytes")
    size = low if low == high else f"{low} to {high}"
    return (
        f"One server connection holds {size} of its own, beside the shared buffers that all of them use together: "
        "that is what each further connection of a pool costs."
    )


def _at_load(uses: Sequence[MemoryUse], chosen: Mapping[str, Level] | None) -> list[MemoryUse]:
    """Keep one use a pool size and group: that of the advised treatment's other levels, or of the first ones."""
    wanted = dict(chosen) if chosen is not None else dict(uses[0].treatment)
    wanted.pop(POOL_SIZE, None)
    same = [use for use in uses if {k: v for k, v in use.treatment.items() if k != POOL_SIZE} == wanted]
    return same or [use for use in uses if use.treatment == uses[0].treatment]


def _figure(drawn: Sequence[MemoryUse], uses: Sequence[MemoryUse], varied: Sequence[str]) -> Figure:
    sizes = sorted({int(use.treatment.get(POOL_SIZE, 0)) for use in drawn})
    curves = [
        Curve(f"{GROUP_NAMES[group]}, own memory", points)
        for group in GROUP_NAMES
        if (points := _points([use for use in drawn if use.group == group]))
    ]
    chart = Curves(
        x_title="Pool size",
        y_title="Memory",
        unit="bytes",
        ticks=tuple((float(size), str(size)) for size in sizes),
        curves=tuple(curves),
    )
    caption = (
        "Memory that no other process shares (RSS less shared pages), mean over the window, all processes of a group "
        "together; bars are intervals over the trials. RSS counts shared buffers in every backend that touched them, "
        "so it grows with use and is no sum; PSS divides them."
    )
    backends = backends_of(drawn)
    alt = f"Memory over the pool size at the advised load, {len(curves)} groups of processes. " + " ".join(
        f"Pool size {use.treatment.get(POOL_SIZE)}: {_text(use)}." for use in (backends or list(drawn))[:8]
    )
    return Figure("memory-by-pool-size", _TITLE, caption, alt, chart, _table(uses, varied))


def _text(use: MemoryUse) -> str:
    own = quantity(use.mean_private.point, "bytes")
    return f"{use.processes:.0f} {GROUP_NAMES[use.group]} hold {own} of their own"


def _points(uses: Sequence[MemoryUse]) -> tuple[Point, ...]:
    found = []
    for use in uses:
        x, private = float(use.treatment.get(POOL_SIZE, 0)), use.mean_private
        found.append(Point(x, private.point, max(0.0, private.low), private.high))
    return tuple(sorted(found, key=lambda point: point.x))


def _table(uses: Sequence[MemoryUse], varied: Sequence[str]) -> Table:
    columns = (
        Column("Treatment"),
        Column("Processes of"),
        Column("Number", numeric=True),
        Column("RSS, mean", numeric=True),
        Column("RSS, peak", numeric=True),
        Column("PSS after the window", numeric=True),
        Column("Own memory, mean", numeric=True),
        Column("Own memory of one", numeric=True),
    )
    rows = tuple(
        (
            Cell(describe(use.treatment, varied)),
            Cell(GROUP_NAMES[use.group]),
            Cell(f"{use.processes:.1f}".removesuffix(".0"), order=use.processes),
            estimate_cell(use.mean_rss),
            Cell(quantity(use.peak_rss_bytes, "bytes"), order=use.peak_rss_bytes),
            _bytes(use.pss_bytes),
            estimate_cell(use.mean_private),
            _bytes(use.private_each_bytes),
        )
        for use in uses
    )
    title = "Memory of server connections, server, pooler and load generator by treatment"
    return Table(title if any(use.group == BACKENDS for use in uses) else f"{title}: what is known", columns, rows)


def _bytes(value: float | None) -> Cell:
    if value is None:
        return Cell(ABSENT, "not known", LAST, "absent")
    return Cell(quantity(value, "bytes"), order=value)
