"""Levels of factors in the order people expect, and the names of lines and axes made of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bench.report.words import describe, key_name, level_text, ordered_keys

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.model.scenario import Level

LOADS: Final = ("load.clients", "load.rate", "load.users")
POOL_SIZE: Final = "pool.size"


def levels_of(treatments: Sequence[Mapping[str, Level]], key: str) -> list[Level]:
    """Return the levels of one factor, each once, in order."""
    found = {repr(treatment[key]): treatment[key] for treatment in treatments if key in treatment}
    return sorted(found.values(), key=_level_order)


def _level_order(level: Level) -> tuple[int, float, str]:
    return (1, 0.0, level) if isinstance(level, str) else (0, float(level), "")


def sort_key(treatment: Mapping[str, Level], keys: Sequence[str]) -> list[tuple[int, float, str]]:
    """Order treatments by the levels of some factors: numbers by size, words by the alphabet."""
    return [_level_order(treatment.get(key, "")) for key in keys]


def series_name(treatment: Mapping[str, Level], others: Sequence[str]) -> str:
    """Name a line by the levels of the factors that tell lines apart."""
    if len(others) == 1 and others[0] in treatment:
        return level_text(treatment[others[0]])
    return describe(treatment, others) if others else "all"


def names_of(keys: Sequence[str]) -> str:
    """Name several factors."""
    return ", ".join(key_name(key) for key in ordered_keys(keys))


def axis_title(key: str) -> str:
    """Title the axis of a factor."""
    return {"load.clients": "Concurrency (clients)", "load.rate": "Offered rate (per second)"}.get(
        key, key_name(key).capitalize()
    )
