"""Numbers inside sentences: a unit with every number, thousands separated, three digits that matter."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.model.scenario import Level
    from bench.stats.estimate import Estimate

_TIMES = ((1.0, 1.0, "s"), (1e-3, 1e3, "ms"), (1e-6, 1e6, "µs"), (0.0, 1e9, "ns"))


def number(value: float) -> str:
    """Write ``7,266``, ``13.2`` or ``0.0123``."""
    if not math.isfinite(value):
        return "unbounded"
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    decimals = max(0, 2 - math.floor(math.log10(abs(value))))
    text = f"{value:.{min(decimals, 9)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def count(number: int, singular: str, plural: str = "") -> str:
    """Write a count with its noun: ``1 treatment``, ``18 treatments``."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def seconds(value: float) -> str:
    """Write a time with the unit that suits it: ``989 ms``."""
    rounded = float(f"{abs(value):.3g}")
    factor, unit = next((factor, unit) for least, factor, unit in _TIMES if rounded >= least)
    return f"{number(value * factor)} {unit}"


def rate(value: float) -> str:
    """Write ``2,022/s``."""
    return f"{number(value)}/s"


def percent(share: float) -> str:
    """Write a share of one as ``5.2 %``."""
    return f"{number(100 * share)} %"


def quantity(value: float, unit: str) -> str:
    """Write a value in the unit of a measurement: ``s``, ``1/s``, ``%``, ``1`` or a word."""
    match unit:
        case "s":
            return seconds(value)
        case "1/s":
            return rate(value)
        case "%":
            return percent(value)
        case "1":
            return number(value)
        case word:
            return f"{number(value)} {word}"


def estimate(value: Estimate, unit: str = "") -> str:
    """Write ``13.2 ms [12.7 ms, 13.9 ms]``; a figure from a single source has no interval to write.

    ``unit`` ``%`` writes a share of one in percent.
    """
    shown = unit or value.unit
    if value.n == 1:
        return f"{quantity(value.point, shown)} (one value, no interval)"
    return f"{quantity(value.point, shown)} [{quantity(value.low, shown)}, {quantity(value.high, shown)}]"


def treatment(levels: Mapping[str, Level]) -> str:
    """Write ``pool.size 30, load.clients 100``."""
    return ", ".join(f"{key} {number(level) if isinstance(level, float) else level}" for key, level in levels.items())
