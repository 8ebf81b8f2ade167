from __future__ import annotations

import itertools
import re
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

import matplotlib as mpl
import pytest
from matplotlib import colormaps
from matplotlib.colors import to_hex

from bench.report.charts.areas import Areas
from bench.report.charts.axes import powers, thinned
from bench.report.charts.canvas import Styles, legend_rows
from bench.report.charts.curves import Curve, Curves, Point, Rule
from bench.report.charts.heat_map import HeatCell, HeatMap, readable_on
from bench.report.charts.stack import Stack

if TYPE_CHECKING:
    from bench.report.charts import Chart


def curve(*values: float, label: str = "8") -> Curve:
    points = (Point(float(2**x), y, y * 0.9, y * 1.1) for x, y in enumerate(values))
    return Curve(label, tuple(points))


def curves(*drawn: Curve, **changes: object) -> Curves:
    values = {
        "x_title": "Pool size",
        "y_title": "Throughput",
        "unit": "1/s",
        "ticks": tuple((float(2**x), f"{2**x}") for x in range(7)),
        "curves": drawn,
        **changes,
    }
    return Curves(**values)  # type: ignore[arg-type]  # a table of keyword arguments


def heat(*rows: tuple[HeatCell | None, ...], better: str = "high") -> HeatMap:
    return HeatMap(
        "Pool size",
        "Clients",
        tuple(f"{i}" for i in range(len(rows))),
        tuple(f"{i}" for i in range(len(rows[0]))),
        rows,
        better,  # type: ignore[arg-type]  # one of the two words
    )


CHARTS: dict[str, Chart] = {
    "lines": curves(curve(1000, 2000, 2500), curve(900, 2100, 2600, label="16"), legend_title="Clients"),
    "one point": curves(curve(5), ticks=((1.0, "1"),)),
    "nothing but zero": curves(curve(0.0, 0.0)),
    "a limit and a level": curves(
        curve(0.01, 0.9), unit="s", logarithmic=True, limit=Rule(0.1, "limit"), level=Rule(1, "x")
    ),
    "close together": curves(curve(0.97, 0.99, 1.0), unit="%", from_zero=False),
    "evenly spaced": curves(curve(1, 2, 3, 4, 5), even=True),
    "words": curves(curve(1, 2), words=True, ticks=((0.0, "asyncpg"), (1.0, "psycopg"))),
    "many lines": curves(*(curve(i, i + 1, label=f"label of line {i}") for i in range(1, 8)), markers=False),
    "a fitted line": curves(curve(1, 2, 3), model=curve(1, 2, 2.5, label="law")),
    "no lines": curves(),
    "map": heat((HeatCell(1, "1", "best"), HeatCell(2, "2", "over")), (HeatCell(3, "3", "unsure"), None)),
    "all excluded": heat((HeatCell(1, "1", invalid=True), None)),
    "all equal": heat((HeatCell(5, "5"), HeatCell(5, "5"))),
    "zero beside a lot": heat((HeatCell(0, "0"), HeatCell(1e9, "1e9")), better="low"),
    "wide map": heat(tuple(HeatCell(i, f"{i}") for i in range(16))),
    "bars": Stack(("a", "b"), (("server", (0.1, 0.2)), ("unexplained", (-0.05, 0.0))), "Mean time", "s", chosen_row=1),
    "areas": Areas((0.5, 1.5, 2.5), (("on CPU", (1, 2, 3)), ("idle", (3, 2, 1))), "Seconds", "Connections", "1"),
    "empty areas": Areas((0.5, 1.5), (("idle", (0.0, 0.0)),), "Seconds", "Connections", "1"),
    "empty bars": Stack(("a",), (("server", (0.0,)),), "Mean time", "s"),
}


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_draws_whatever_it_holds(name: str) -> None:
    svg = CHARTS[name].draw("chart", "what it shows", Styles())
    root = ET.fromstring(svg)  # noqa: S314 - our own drawing
    assert root.attrib["role"] == "img"
    assert root.attrib["aria-label"] == "what it shows"
    assert "nan" not in svg


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_brings_no_style_of_its_own_and_no_stand_in_colour(name: str) -> None:
    styles = Styles()
    svg = CHARTS[name].draw("chart", "", styles)
    assert "style=" not in svg
    assert "<style" not in svg
    assert not re.search(r"#(0[1-6]){3}\b|#11000[1-7]\b", svg + styles.sheet())


def test_the_same_chart_gives_the_same_bytes_and_other_ids_under_another_key() -> None:
    first, second, other = (CHARTS["map"].draw(key, "", Styles()) for key in ("a", "a", "b"))
    assert first == second
    ids = [set(re.findall(r' id="([^"]+)"', svg)) for svg in (first, other)]
    assert ids[0]
    assert not ids[0] & ids[1]


def test_every_reference_inside_a_chart_resolves() -> None:
    for name, chart in CHARTS.items():
        styles = Styles()
        svg = chart.draw("chart", "", styles)
        ids = set(re.findall(r' id="([^"]+)"', svg))
        wanted = set(re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', svg + styles.sheet()))
        assert {a or b for a, b in wanted} <= ids, name


def test_drawing_leaves_matplotlib_as_it_was() -> None:
    before = dict(mpl.rcParams)
    CHARTS["lines"].draw("chart", "", Styles())
    assert dict(mpl.rcParams) == before


def test_the_readers_own_matplotlib_settings_change_nothing() -> None:
    plain = CHARTS["lines"].draw("chart", "", Styles())
    with mpl.rc_context({"axes.grid": True, "font.size": 30, "lines.linewidth": 9, "svg.fonttype": "path"}):
        assert CHARTS["lines"].draw("chart", "", Styles()) == plain


def test_names_that_look_like_markup_or_formulas_are_only_text() -> None:
    label = "<b>$x^2$</b> 世界 \u202e"
    svg = curves(curve(1, 2, label=label), curve(1, 2, label="b")).draw("chart", "", Styles())
    root = ET.fromstring(svg)  # noqa: S314 - our own drawing
    assert "<b>$x^2$</b> 世界 ⟨U+202E⟩" in [node.text for node in root.iter("text")]


def test_a_name_of_ten_thousand_letters_does_not_widen_the_chart() -> None:
    boxes = {
        curves(curve(1, 2, label=label), curve(2, 3)).draw("c", "", Styles())[:40] for label in ("x" * 39, "x" * 10_000)
    }
    assert len(boxes) == 1


def test_text_on_a_cell_can_be_read_on_every_shade() -> None:
    """Black or white, whichever is chosen, has at least the contrast 4.5 : 1 of WCAG 2.2."""
    for share in range(101):
        shade = to_hex(colormaps["viridis"](share / 100))
        ink = readable_on(shade)
        high, low = sorted((luminance(shade), luminance(ink)), reverse=True)
        assert (high + 0.05) / (low + 0.05) >= 4.5, shade


def luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_an_even_axis_keeps_a_proportion_straight_over_any_range() -> None:
    """As throughput over the offered rate: the same step across is the same step up."""
    straight = Curve("x", tuple(Point(x, x, x, x) for x in (100.0, 1000.0, 2000.0, 4000.0)))
    ticks = tuple((p.x, f"{p.x:g}") for p in straight.points)

    def slopes(*, even: bool) -> list[float]:
        svg = curves(straight, ticks=ticks, even=even, markers=False).draw("k", "alt", Styles())
        (line,) = (path for path in re.findall(r'<path d="(M[^"]+)" clip-path', svg) if path.count("L") == 3)
        places = [(float(x), float(y)) for x, y in re.findall(r"([\d.]+) ([\d.]+)", line)]
        return [(y - v) / (x - u) for (u, v), (x, y) in itertools.pairwise(places)]

    assert max(slopes(even=True)) == pytest.approx(min(slopes(even=True)), rel=0.01)
    assert max(slopes(even=False)) > min(slopes(even=False)) / 2


def test_one_unsure_point_does_not_flatten_all_others() -> None:
    """An interval far above every point is cut, and the caption says so; elsewhere spikes keep their height."""
    unsure = Curve("8", (Point(1, 100, 95, 105), Point(2, 110, 20, 9_000)))
    told = {far: curves(unsure, far_ends_cut=far).told_cuts for far in (True, False)}
    assert told == {True: ("1 that would end far above the points is cut off.",), False: ()}
    cut, whole = (curves(unsure, far_ends_cut=far).draw("a", "", Styles()) for far in (True, False))
    assert (">200/s<" in cut, ">8,000/s<" in whole) == (True, True)
    assert not curves(curve(1000, 2000), far_ends_cut=True).told_cuts


def test_points_with_nothing_between_them_are_not_joined() -> None:
    """Between two drivers, or two changes, nothing could have been measured."""
    joined = curves(curve(1, 2, 3)).draw("k", "alt", Styles())
    apart = curves(curve(1, 2, 3), joined=False).draw("k", "alt", Styles())
    lines = [sum(path.count("L") == 2 for path in re.findall(r'd="(M[^"]+)"', svg)) for svg in (joined, apart)]
    assert lines == [1, 0]


def test_ticks_that_would_touch_are_dropped_but_never_the_last() -> None:
    ticks = tuple((float(x), f"{x:,} clients") for x in range(1, 101))
    kept = thinned(ticks, logarithmic=False)
    assert kept[-1] == ticks[-1]
    assert 2 <= len(kept) <= 7
    assert thinned(ticks[:1], logarithmic=True) == list(ticks[:1])


def test_logarithmic_axes_have_round_values_on_both_sides() -> None:
    values = powers(0.0007, 0.9)
    assert values[0] <= 0.0007
    assert values[-1] >= 0.9
    assert {f"{value:e}"[0] for value in values} <= {"1", "2", "3", "5"}


def test_a_legend_has_room_for_its_longest_label() -> None:
    assert legend_rows(["2", "4", "8"]) == (3, 1)
    assert legend_rows(["x" * 40, "y"]) == (1, 2)
    assert legend_rows([]) == (1, 0)
