"""How numbers are written: a unit with every number, sensible digits, and the interval beside the point."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.stats.estimate import Estimate

if TYPE_CHECKING:
    from bench.stats.estimate import Refused

SIGNIFICANT_DIGITS = 3
_TIMES = ((1.0, 1.0, " s"), (1e-3, 1e3, " ms"), (1e-6, 1e6, " µs"), (0.0, 1e9, " ns"))
_BYTES = ((2.0**30, 2.0**-30, " GiB"), (2.0**20, 2.0**-20, " MiB"), (2.0**10, 2.0**-10, " KiB"), (0.0, 1.0, " B"))
_PLAIN = {"1/s": (1.0, "/s"), "%": (100.0, " %"), "1": (1.0, ""), "": (1.0, "")}
_MEASURED = ("s", "1/s", "bytes", "%")
_HUGE = 1e15
_TINY = 1e-6
BOUNDLESS = 1_000
"""Two trials that differ leave an upper end of millions of times the point: its digits would say that it is known."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How to write numbers of one size: multiply by ``factor``, keep ``decimals`` places, add ``suffix``."""

    factor: float
    suffix: str
    decimals: int

    def digits(self, value: float) -> str:
        """Write the bare number with thousands separated, for a place where the unit stands already."""
        scaled = value * self.factor
        if not math.isfinite(scaled):
            return "not a number" if math.isnan(scaled) else "unbounded"
        if scaled == 0:
            return "0"
        if abs(scaled) >= _HUGE or 0 < abs(scaled) < _TINY:
            return f"{scaled:.2e}"
        text = f"{scaled:,.{self.decimals}f}"
        return text.removeprefix("-") if not text.strip("-0.,") else text

    def whole(self) -> Scale:
        """Return the scale of things that are counted."""
        return Scale(self.factor, self.suffix, 0)

    def text(self, value: float) -> str:
        """Write the number with its unit."""
        return self.digits(value) + self.suffix


def choose_scale(value: float, unit: str, width: float = 0.0) -> Scale:
    """Choose unit and decimals for numbers about the size of ``value``.

    ``unit`` is ``s``, ``1/s``, ``bytes``, ``%`` (the value is a fraction), ``1`` or a word. Three significant digits,
    one more where an interval of ``width`` would otherwise look like a point; whole numbers are never cut.
    """
    size = _rounded(abs(value) if math.isfinite(value) else 0.0)
    match unit:
        case "s":
            factor, suffix = _step(size, _TIMES) if size else (1e3, " ms")
        case "bytes":
            factor, suffix = _step(size, _BYTES)
        case known if known in _PLAIN:
            factor, suffix = _PLAIN[known]
        case word:
            factor, suffix = 1.0, f" {word}"
    decimals = _decimals(size * factor)
    if 0 < width < math.inf:
        decimals = max(decimals, min(decimals + 1, -math.floor(math.log10(width * factor))))
    return Scale(factor, suffix, decimals)


def quantity(value: float, unit: str) -> str:
    """Write one number with its unit: ``13.2 ms``, ``7,266/s``, ``0.12 %``, ``4``."""
    if unit in ("1", "") and float(value).is_integer():
        return Scale(1.0, "", 0).text(value)
    return choose_scale(value, unit).text(value)


def interval(estimate: Estimate, unit: str = "") -> str:
    """Write the interval alone, in the unit of its point: ``[7,100, 7,400]``; one value alone has none."""
    if estimate.n == 1:
        return "(one value, no interval)"
    scale = _scale(estimate, unit or estimate.unit)
    if estimate.point > 0 and estimate.high > BOUNDLESS * estimate.point:
        return f"[{scale.digits(estimate.low)}, over {BOUNDLESS:,} times that]"
    return f"[{scale.digits(estimate.low)}, {scale.digits(estimate.high)}]"


def point(estimate: Estimate, unit: str = "") -> str:
    """Write the point alone, with the digits its interval supports."""
    return _scale(estimate, unit or estimate.unit).text(estimate.point)


def with_interval(estimate: Estimate, unit: str = "") -> str:
    """Write point and interval: ``7,266/s [7,100, 7,400]``."""
    return f"{point(estimate, unit)} {interval(estimate, unit)}"


def refusal(refused: Refused) -> str:
    """Say why there is no number, and how many samples would give one."""
    return refused.reason if refused.needed is None else f"needs n ≥ {refused.needed:,}"


def shown(value: Estimate | Refused, unit: str = "") -> str:
    """Write an estimate, or why there is none."""
    return with_interval(value, unit) if isinstance(value, Estimate) else refusal(value)


def span(seconds: float) -> str:
    """Write a length of time for people: ``2 min 15 s``, ``1 h 4 min``."""
    if seconds < 60:
        return quantity(seconds, "s")
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,} h {minutes} min" if hours else f"{minutes} min {rest} s"


def rough_span(seconds: float) -> str:
    """Write a length of time that is only estimated, in whole seconds: ``42 s``, ``2 min 15 s``."""
    return span(seconds) if round(seconds) >= 60 else f"{max(0, round(seconds))} s"


def limit(value: float, unit: str) -> str:
    """Write a value that somebody set, without digits that say nothing: ``20 ms``, ``0.1 %``."""
    scale = choose_scale(value, unit)
    return f"{float(f'{value * scale.factor:.6g}'):,.6g}{scale.suffix}"


def _scale(estimate: Estimate, unit: str) -> Scale:
    if unit not in _MEASURED and all(float(v).is_integer() for v in (estimate.point, estimate.low, estimate.high)):
        return choose_scale(estimate.point, unit).whole()
    size = estimate.point or max(abs(estimate.low), abs(estimate.high))
    return choose_scale(size, unit, estimate.high - estimate.low)


def _rounded(size: float) -> float:
    # 999.96 µs reads 1.00 ms, so the unit is chosen after rounding.
    return float(f"{size:.{SIGNIFICANT_DIGITS}g}")


def _step(size: float, steps: tuple[tuple[float, float, str], ...]) -> tuple[float, str]:
    return next((factor, suffix) for least, factor, suffix in steps if size >= least)


def _decimals(size: float) -> int:
    if size == 0:
        return 0
    # Below a thousandth of the smallest unit more decimals would be noise.
    return max(0, min(6, SIGNIFICANT_DIGITS - 1 - math.floor(math.log10(size))))
