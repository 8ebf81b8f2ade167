"""A recommended setting, and how amounts are written in configuration files and read back."""

from __future__ import annotations

import re
from typing import Literal

import msgspec

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
RULE_OF_THUMB = "rule of thumb"
GIVEN = "given"
_UNITS = {
    "B": 1, "kB": KIB, "8kB": 8 * KIB, "MB": MIB, "16MB": 16 * MIB, "GB": GIB, "TB": 1 << 40,
    "ms": 1, "s": 1000, "min": 60_000, "h": 3_600_000, "d": 86_400_000, "us": 0.001,
}  # fmt: skip
"""Bytes, and milliseconds: the units of PostgreSQL's configuration file and of ``pg_settings.unit``."""
_AMOUNT = re.compile(r"(-?\d+(?:\.\d+)?)\s*([A-Za-z]*)")
_TRUE, _FALSE = ("on", "true", "yes", "1"), ("off", "false", "no", "0")


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """One value to set. ``status`` is ``rule of thumb``, ``given`` or ``measured: …``."""

    name: str
    value: str
    formula: str
    inputs: dict[str, str]
    source: str
    status: str = RULE_OF_THUMB
    restart: bool = False
    place: bool = False
    """Names a place or an account of the machine it is for: to be looked at before the file is used."""


class Configuration(msgspec.Struct, frozen=True, kw_only=True):
    """What to set on one machine, what was left alone and why, and what a reader must know."""

    target: Literal["postgresql", "pgbouncer"]
    version: str
    facts: dict[str, str]
    settings: tuple[Setting, ...]
    left_alone: dict[str, str] = {}
    notes: tuple[str, ...] = ()


def megabytes(amount: float) -> str:
    """Write bytes as whole megabytes, rounded down, at least one."""
    return f"{max(1, int(amount) // MIB)}MB"


def gigabytes(amount: float) -> str:
    """Write bytes for a reader: ``7.8 GiB``."""
    return f"{amount / GIB:.3g} GiB"


def read_amount(text: str, unit: str | None = None) -> float | None:
    """Return bytes, milliseconds or a bare number; None for a text that is no amount.

    ``unit`` is what a number without one counts, as ``pg_settings.unit`` names it (``8kB``, ``ms``).
    """
    found = _AMOUNT.fullmatch(text.strip())
    if found is None:
        return None
    own = found[2] or unit or ""
    if own and own not in _UNITS:
        return None
    return float(found[1]) * (_UNITS[own] if own else 1)


def same_value(wanted: str, actual: str, unit: str | None = None) -> bool:
    """Tell whether a value as it was written is the one in force, ``actual`` counting ``unit``.

    A server keeps whole units of its own, so the difference may be less than one of them.
    """
    first, second = read_amount(wanted, unit), read_amount(actual, unit)
    if first is not None and second is not None:
        grain = _UNITS[unit] if unit else 1e-9 * max(1.0, abs(second))
        return abs(first - second) < grain
    pair = wanted.strip().casefold(), actual.strip().casefold()
    return pair[0] == pair[1] or any(all(word in known for word in pair) for known in (_TRUE, _FALSE))
