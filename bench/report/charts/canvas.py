"""From a matplotlib figure to SVG inside a page: themed, without ids that clash, the same bytes each time."""

from __future__ import annotations

import io
import math
import re
import warnings
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import matplotlib as mpl
from matplotlib import style as mpl_style
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from bench.report.charts.palette import GRID, INK, MUTED, VARIABLES
from bench.report.words import reveal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from matplotlib.axes import Axes

WIDTH_IN: Final = 6.0
"""Narrow, so that a telephone can show a chart without shrinking its letters beyond reading."""

HEIGHT_IN: Final = 3.9
_LOOK: Final[Any] = {
    "svg.fonttype": "none",  # text stays text; DejaVu, by which room is made, is wider than what browsers take
    "svg.hashsalt": "poolbench",
    "font.family": "DejaVu Sans",
    "font.size": 11.5,
    "text.color": INK,
    "text.parse_math": False,  # a dollar sign in a name is a dollar sign
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 11.5,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "hatch.linewidth": 0.7,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "lines.markersize": 5.5,
    "path.simplify": True,
}
_LEGEND_MOST: Final = 7
_LEGEND_LETTERS: Final = 62
_LEGEND_KEY_LETTERS: Final = 6
"""Room for the line, the marker and the gap to the next column, in letters."""
_SVG: Final = "{http://www.w3.org/2000/svg}"
_HREF: Final = "{http://www.w3.org/1999/xlink}href"
_REFERENCE: Final = re.compile(r"url\(#([^)]+)\)")
_LONG_NUMBER: Final = re.compile(r"-?\d+\.\d{3,}")
_FAMILY: Final = re.compile(r"; font-family: [^;]*")
_FONT: Final = re.compile(r"font:\s*(?:(?:normal|italic|oblique)\s+)?(?:(bold|\d{3})\s+)?([\d.]+)px [^;]*")


@dataclass
class Styles:
    """Collects the declarations of all charts of a page as classes, so that the page needs no inline style."""

    names: dict[str, str] = field(default_factory=dict)

    def name(self, declarations: str) -> str:
        """Return the class that stands for these declarations."""
        return self.names.setdefault(declarations, f"k{len(self.names)}")

    def sheet(self) -> str:
        """Return the rules of all classes, in the order of their first use."""
        return "\n".join(f".chart .{name}{{{declarations}}}" for declarations, name in self.names.items())


def paint(
    draw: Callable[[Figure], None],
    *,
    key: str,
    alt: str,
    styles: Styles,
    size_in: tuple[float, float] = (WIDTH_IN, HEIGHT_IN),
) -> str:
    """Let ``draw`` fill a figure and return it as inline SVG; ``key`` keeps its ids apart from other charts'."""
    with mpl_style.context("default"), mpl.rc_context(dict(_LOOK)), warnings.catch_warnings():
        # The reader's browser brings the letters; what DejaVu lacks only makes the room a little wrong.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure = Figure(figsize=size_in, layout="constrained")
        figure.patch.set_alpha(0.0)
        draw(figure)
        for axes in figure.axes:
            axes.patch.set_alpha(0.0)
        target = io.BytesIO()
        FigureCanvasSVG(figure).print_figure(target, format="svg", metadata={"Date": None})
    return _embed(target.getvalue(), key, alt, styles)


def legend_rows(labels: Sequence[str]) -> tuple[int, int]:
    """Return columns and rows of a legend whose columns all have room for the longest label."""
    longest = max(map(len, labels), default=0)
    columns = max(1, min(len(labels), _LEGEND_MOST, int(_LEGEND_LETTERS / (longest + _LEGEND_KEY_LETTERS))))
    return columns, math.ceil(len(labels) / columns)


def add_legend(figure: Figure, title: str = "") -> None:
    """Put the legend above the axes, to be read line by line."""
    handles, labels = figure.axes[0].get_legend_handles_labels()
    columns, rows = legend_rows(labels)
    # Matplotlib fills a legend column by column.
    order = [row * columns + column for column in range(columns) for row in range(rows)]
    order = [index for index in order if index < len(labels)]
    figure.legend(
        [handles[index] for index in order],
        [labels[index] for index in order],
        loc="outside upper left",
        ncols=columns,
        title=title or None,
        alignment="left",
        columnspacing=1.2,
        handlelength=2.0,
    )


def tidy(axes: Axes, *, x_title: str, y_title: str) -> None:
    """Title the axes. Rotated text is anchored, so that another font does not move it."""
    axes.set_xlabel(reveal(x_title))
    axes.set_ylabel(reveal(y_title), rotation_mode="anchor")
    axes.tick_params(length=3)


def _embed(svg: bytes, key: str, alt: str, styles: Styles) -> str:
    root = ET.fromstring(svg)  # noqa: S314 - matplotlib wrote it a line ago
    used = {match for node in root.iter() for match in _targets(node)}
    for parent in root.iter():
        for child in list(parent):
            if child.tag.rpartition("}")[2] in ("metadata", "style", "title"):
                parent.remove(child)
    for node in root.iter():
        node.tag = node.tag.removeprefix(_SVG)
        node.attrib = _rewrite(node.attrib, key, used, styles)
    # Groups that carried nothing but an id are left without a purpose.
    _unwrap(root)
    box = root.attrib.get("viewBox", "")
    root.attrib = {"viewBox": box, "role": "img", "aria-label": reveal(alt), "class": "plot"}
    return ET.tostring(root, encoding="unicode", short_empty_elements=True)


def _targets(node: ET.Element) -> list[str]:
    found = [match for value in node.attrib.values() for match in _REFERENCE.findall(value)]
    return [*found, *([node.attrib[_HREF][1:]] if _HREF in node.attrib else [])]


def _rewrite(attributes: dict[str, str], key: str, used: set[str], styles: Styles) -> dict[str, str]:
    kept: dict[str, str] = {}
    declarations: list[str] = []
    for name, value in attributes.items():
        if name == "id":
            kept |= {"id": f"{key}-{value}"} if value in used else {}
        elif name == _HREF:
            kept["href"] = f"#{key}-{value[1:]}"
        elif name == "style":
            declarations += _REFERENCE.sub(rf"url(#{key}-\1)", value).split(";")
        elif name in ("fill", "stroke"):  # of hatches; an attribute cannot refer to a variable of the page
            declarations.append(f"{name}: {value}")
        elif name == "transform" and value.startswith("rotate(-0 "):
            continue
        else:
            kept[name] = _rounded(_REFERENCE.sub(rf"url(#{key}-\1)", value))
    if declarations:
        kept["class"] = styles.name(_themed(declarations))
    return kept


def _rounded(value: str) -> str:
    return " ".join(_LONG_NUMBER.sub(lambda match: f"{float(match[0]):.2f}", value).split())


def _themed(declarations: list[str]) -> str:
    text = "; ".join(filter(None, (part.strip() for part in declarations)))
    text = _FONT.sub(
        lambda match: f"font-size: {match[2]}px" + (f"; font-weight: {match[1]}" if match[1] else ""), text
    )
    text = _FAMILY.sub("", text)
    for stand_in, variable in VARIABLES.items():
        text = text.replace(stand_in, variable)
    return text


def _unwrap(parent: ET.Element) -> None:
    children: list[ET.Element] = []
    for child in parent:
        _unwrap(child)
        if child.tag == "g" and not child.attrib:
            children.extend(child)
        else:
            children.append(child)
        child.tail = None
    if len(parent):
        parent.text = None
    for child in list(parent):
        parent.remove(child)
    parent.extend(children)
