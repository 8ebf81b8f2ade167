"""A figure: a chart with what it shows in words, and the numbers behind it as a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.report.charts import Chart
    from bench.report.tables import Table


@dataclass(frozen=True, slots=True)
class Figure:
    """``caption`` tells how to read the chart, ``alt`` what it says to somebody who does not see it."""

    anchor: str
    title: str
    caption: str
    alt: str
    chart: Chart
    table: Table


@dataclass(frozen=True, slots=True)
class Gallery:
    """Figures that belong together; ``absent`` says why there are none."""

    anchor: str
    title: str
    lead: str
    figures: tuple[Figure, ...]
    absent: str = ""
