"""Charts as values that can draw themselves: matplotlib's object interface only, no global state, no clock."""

from __future__ import annotations

from bench.report.charts.areas import Areas
from bench.report.charts.curves import Curves
from bench.report.charts.heat_map import HeatMap
from bench.report.charts.stack import Stack

Chart = HeatMap | Curves | Stack | Areas
