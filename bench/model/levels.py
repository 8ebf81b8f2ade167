"""Values and levels as typed on a command line: ``pool.size=8``, ``pool.size=1,2,4..32``."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING

from bench.model.errors import ScenarioError

if TYPE_CHECKING:
    from bench.model.scenario import Level

_RANGE = re.compile(r"(\d+)\.\.(\d+)(?:\+(\d+))?")
_MOST_LEVELS = 1000


def _scalar(text: str) -> Level:
    """Read a TOML scalar; what is none (a bare word, ``50ms``) is text."""
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):  # also a number too long, or brackets too deep
        return text
    return value if isinstance(value, str | int | float | bool) else text


def parse_setting(text: str, option: str = "--set") -> tuple[str, Level]:
    """Read ``key=value``."""
    key, equals, value = text.partition("=")
    if not (key.strip() and equals and value.strip()):
        raise ScenarioError(
            f"`{option} {text}` is not of the form key=value", remedy=f"Write for example `{option} pool.size=8`."
        )
    return key.strip(), _scalar(value.strip())


def parse_sweep(text: str) -> tuple[str, tuple[Level, ...]]:
    """Read ``key=level,level,…``; ``4..32`` doubles from 4 to 32, ``4..32+4`` goes in steps of 4."""
    key, equals, values = text.partition("=")
    if not (key.strip() and equals and values.strip()):
        raise ScenarioError(
            f"`--sweep {text}` is not of the form key=level,level",
            remedy="Write for example `--sweep pool.size=1,2,4..32`.",
        )
    levels: list[Level] = []
    for part in values.split(","):
        span = _RANGE.fullmatch(part.strip())
        levels.extend(_expand(span) if span else [_scalar(part.strip())])
    return key.strip(), tuple(dict.fromkeys(levels))


def _expand(span: re.Match[str]) -> list[Level]:
    low, high, step = int(span[1]), int(span[2]), int(span[3] or 0)
    if low > high or (low == 0 and not step) or (step and (high - low) // step > _MOST_LEVELS):
        raise ScenarioError(
            f"`{span[0]}` is no usable range of levels",
            remedy="Write `4..32` (doubling) or `4..32+4` (steps), low end first.",
        )
    levels: list[Level] = []
    while low <= high:
        levels.append(low)
        low = low + step if step else low * 2
    return levels
