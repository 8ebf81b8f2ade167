"""Quantities as people write them: ``"50ms"``, ``"500/s"``, ``"0.1%"``. A bare number is refused."""

from __future__ import annotations

import re
from typing import Final, Self

_NUMBER = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([^\s0-9.].*?)?\s*")
_NANOSECONDS: Final = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "min": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_PER_SECOND: Final = {"/s": 1.0, "/min": 1 / 60, "/h": 1 / 3600}


def _split(text: object, what: str, units: dict[str, int] | dict[str, float], example: str) -> tuple[float, str]:
    known = ", ".join(units)
    if not isinstance(text, str):
        msg = f"expected a {what} with its unit such as {example!r}, got the bare value {text!r}"
        raise ValueError(msg)  # noqa: TRY004 - msgspec turns ValueError into a validation error with its path
    match = _NUMBER.fullmatch(text)
    if match is None:
        msg = f"expected a {what} such as {example!r}, got {text!r}"
        raise ValueError(msg)
    unit = match[2] or ""
    if unit not in units:
        msg = f"{text!r} has {'no unit' if not unit else f'the unknown unit {unit!r}'}; a {what} takes one of: {known}"
        raise ValueError(msg)
    return float(match[1]), unit


class Duration(int):
    """A span of time in integer nanoseconds, written ``"250ms"``."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: object) -> Self:
        """Read ``"10s"``; raises ``ValueError`` with the known units."""
        number, unit = _split(text, "duration", _NANOSECONDS, "50ms")
        return cls(round(number * _NANOSECONDS[unit]))

    @property
    def seconds(self) -> float:
        """The span in seconds."""
        return self / 1e9

    def __str__(self) -> str:
        for unit, size in (("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000)):
            if self >= size:
                return f"{self / size:g}{unit}"
        return f"{int(self)}ns" if self else "0s"


class Rate(float):
    """Operations per second, written ``"500/s"``."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: object) -> Self:
        """Read ``"30000/min"``; raises ``ValueError`` with the known units."""
        number, unit = _split(text, "rate", _PER_SECOND, "500/s")
        return cls(number * _PER_SECOND[unit])

    def __str__(self) -> str:
        return f"{float(self):g}/s"


def parse_percent(text: str) -> float:
    """Read ``"0.1%"`` as the fraction 0.001."""
    number, _ = _split(text, "share", {"%": 1.0}, "0.1%")
    return number / 100
