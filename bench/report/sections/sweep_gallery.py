"""Which charts a sweep gets: heat maps where two factors were varied, lines over each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.analysis.wording import count
from bench.report.sections.facets import MOST_FACETS, Facet, split_facets
from bench.report.sections.figure import Gallery
from bench.report.sections.heat_maps import draw_heat_map
from bench.report.sections.levels import LOADS, POOL_SIZE, names_of
from bench.report.sections.lines import draw_lines
from bench.report.sections.sweep import P95, THROUGHPUT
from bench.report.words import describe, key_name, varied_keys

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.report.sections.figure import Figure
    from bench.report.sections.sweep import Sweep


def draw_sweep(sweep: Sweep, first: Sequence[Figure] = ()) -> Gallery:
    """Choose the charts by what was varied, behind those that come ``first``. Each further level has its own."""
    varied = varied_keys(sweep.treatments)
    load = next((key for key in LOADS if key in varied), None)
    rows = POOL_SIZE if POOL_SIZE in varied else None
    gallery = Gallery("sweep", "Pool size and concurrency", "", ())
    if not varied:
        absent = "One treatment only: nothing was varied, so there is no curve to draw."
        absent = absent if sweep.measurements else "Nothing was measured."
        return Gallery(gallery.anchor, "Throughput and response time", "", (), absent)
    if load and rows:
        others = [key for key in varied if key not in (load, rows)]
        figures = [figure for facet in split_facets(sweep, others) for figure in _two_factors(facet, rows, load)]
        left_out = len({describe(t, others) for t in sweep.treatments}) - MOST_FACETS if others else 0
        lead = "How throughput and response time depend on pool size and load."
        if left_out > 0:
            lead += (
                f" {count(left_out, 'further combination')} of {names_of(others)} can be read in the measurement table."
            )
        return Gallery(gallery.anchor, gallery.title, lead, (*first, *figures))
    factor = load or rows or varied[0]
    title = f"Throughput and response time over {key_name(factor)}"
    over_one = [draw_lines(sweep, quantity, factor, Facet(sweep)) for quantity in (THROUGHPUT, P95)]
    drawn = (*first, *(figure for figure in over_one if figure is not None))
    return Gallery(gallery.anchor, title, "", drawn, "" if drawn else "No sound measurement to draw.")


def _two_factors(facet: Facet, rows: str, load: str) -> list[Figure]:
    drawn = [
        *(draw_heat_map(facet.sweep, quantity, rows, load, facet) for quantity in (THROUGHPUT, P95)),
        draw_lines(facet.sweep, THROUGHPUT, rows, facet),
        *(draw_lines(facet.sweep, quantity, load, facet) for quantity in (THROUGHPUT, P95)),
    ]
    return [figure for figure in drawn if figure is not None]
