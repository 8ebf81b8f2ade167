"""What the report of a wide sweep of many operations costs: seconds, memory, bytes, and what takes them."""

from __future__ import annotations

import time
import tracemalloc
from typing import TYPE_CHECKING

from bench.report.charts.canvas import Styles
from bench.report.document import build_document
from bench.report.html import render_report
from tests.benchmarks.table import Row
from tests.report import samples

if TYPE_CHECKING:
    from bench.report.material import Material

TREATMENTS, OPERATIONS = 64, 12
MOST_S, MOST_BYTES = 20.0, 3_000_000


def measure() -> Row:
    """Render the report once to time it and once more to follow its memory, which slows it down."""
    material = samples.large(TREATMENTS, OPERATIONS)
    render_report(build_document(samples.material(samples.ONE_TREATMENT, spoiled=None)))  # libraries are loaded now
    begin = time.perf_counter()
    document = build_document(material)
    built = time.perf_counter()
    page = render_report(document).encode()
    seconds = time.perf_counter() - begin
    figures = [figure for gallery in document.galleries for figure in gallery.figures]
    drawing = time.perf_counter()
    sizes = [len(figure.chart.draw(figure.anchor, figure.alt, Styles()).encode()) for figure in figures]
    drawn_s = time.perf_counter() - drawing
    return Row(
        f"report of {TREATMENTS} treatments and {OPERATIONS} operations",
        f"{seconds:.2f} s, {len(page) / 1e6:.2f} MB, {_peak_bytes(material) / 1e6:.0f} MB of memory at the peak",
        f"<= {MOST_S:g} s, < {MOST_BYTES / 1e6:g} MB",
        met=seconds <= MOST_S and len(page) < MOST_BYTES,
        details=(
            (
                f"working out {built - begin:.2f} s, drawing {len(figures)} charts {drawn_s:.2f} s, "
                f"filling the page {max(0.0, seconds - (built - begin) - drawn_s):.2f} s"
            ),
            f"charts {sum(sizes) / 1e6:.2f} MB, everything else {(len(page) - sum(sizes)) / 1e6:.2f} MB",
        ),
    )


def _peak_bytes(material: Material) -> int:
    tracemalloc.start()
    render_report(build_document(material))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak
