"""Ticks of axes: round values with units, thinned where their names would touch."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from matplotlib.ticker import MaxNLocator, MultipleLocator

from bench.report.numbers import Scale, choose_scale

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.ticker import Locator

Tick = tuple[float, str]
LONGEST = 16
"""Letters of a tick's name."""
_LETTER = 0.02
"""Width of a letter as a share of the axis."""
ROUND_STEPS = (1, 2, 2.5, 5, 10)
_MOST_TICKS = 6


def axis_text(top: float, unit: str) -> Callable[[float, float | None], str]:
    """Return how a linear axis up to ``top`` writes its values: one unit for all, no more decimals than needed."""
    base = choose_scale(top or 1.0, unit)

    def write(value: float, _: float | None = None) -> str:
        scaled = value * base.factor
        decimals = next((d for d in range(4) if abs(round(scaled, d) - scaled) < 1e-6 * max(1.0, abs(scaled))), 4)
        return Scale(base.factor, base.suffix, decimals).text(value)

    return write


def linear_locator(top: float, unit: str) -> Locator:
    """Return where a linear axis up to ``top`` has its ticks: at round numbers of its unit, bytes at powers of two."""
    if unit == "bytes" and top > 0:
        return MultipleLocator(2.0 ** math.ceil(math.log2(top / _MOST_TICKS)))
    return MaxNLocator(_MOST_TICKS, steps=ROUND_STEPS, integer=unit == "1")


def power_text(unit: str) -> Callable[[float, float | None], str]:
    """Return how a logarithmic axis writes its values: each in its own unit."""

    def write(value: float, _: float | None = None) -> str:
        base = choose_scale(value, unit)
        return Scale(base.factor, base.suffix, 0 if value * base.factor >= 1 else 1).text(value)

    return write


def powers(bottom: float, top: float) -> list[float]:
    """Round values of a logarithmic axis: 1, 2, 5, 10 … where few powers of ten are spanned, else fewer."""
    first, last = math.floor(math.log10(bottom)), math.ceil(math.log10(top))
    leading = (1, 2, 5) if last - first <= 3 else (1, 3) if last - first <= 5 else (1,)
    return [lead * 10.0**power for power in range(first, last + 1) for lead in leading]


def thinned(ticks: tuple[Tick, ...], *, logarithmic: bool) -> list[Tick]:
    """Drop ticks whose names would touch the next one's; the last always stays."""
    place = [math.log(position) if logarithmic else position for position, _ in ticks]
    if len(ticks) < 2 or place[-1] == place[0]:
        return list(ticks)
    width = [_LETTER * (place[-1] - place[0]) * (len(name[:LONGEST]) + 1) for _, name in ticks]
    kept = [len(ticks) - 1]
    for index in range(len(ticks) - 2, -1, -1):
        if place[kept[-1]] - place[index] >= (width[index] + width[kept[-1]]) / 2:
            kept.append(index)
    return [ticks[index] for index in reversed(kept)]
