"""Colours of charts. Matplotlib draws with stand-ins; the page's stylesheet says what they are in light and in dark."""

from __future__ import annotations

from typing import Final

INK: Final = "#010101"
MUTED: Final = "#020202"
GRID: Final = "#030303"
PAPER: Final = "#040404"
ACCENT: Final = "#050505"
DANGER: Final = "#060606"
SERIES: Final = ("#110001", "#110002", "#110003", "#110004", "#110005", "#110006", "#110007")
"""Seven colours that stay apart with every kind of colour blindness; each comes with its own marker."""

MARKERS: Final = ("o", "s", "^", "D", "v", "P", "X")
HATCHES: Final = ("", "////", "||||", "\\\\\\\\", "xxxx", "----", "++++")
"""Lines only: a dotted one is a thousand circles, 180 kB of every chart."""

VARIABLES: Final = {
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    GRID: "var(--grid)",
    PAPER: "var(--paper)",
    ACCENT: "var(--accent)",
    DANGER: "var(--bad)",
    **{stand_in: f"var(--series-{number})" for number, stand_in in enumerate(SERIES, 1)},
}
