"""The field's words for keys, metrics and treatments, and how foreign text is made safe to read."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bench.model.scenario import Level

ALL_OPERATIONS = "*"
ABSENT = "\N{EN DASH}"
"""Stands where there is no number."""
KEY_ORDER = (
    "pool.driver",
    "pooler.kind",
    "pooler.mode",
    "pooler.size",
    "pool.size",
    "load.clients",
    "load.rate",
    "load.users",
)
_KEYS = {
    "pool.size": "pool size",
    "pool.driver": "driver",
    "pool.reset": "reset on release",
    "pool.statement_cache": "statement cache",
    "pool.workers": "load processes",
    "pooler.kind": "pooler",
    "pooler.mode": "pooler mode",
    "pooler.size": "pooler size",
    "load.clients": "clients",
    "load.rate": "offered rate",
    "load.users": "users",
    "load.think_time": "think time",
}
_STATISTICS = {
    "mean": "mean",
    "p50": "p50",
    "p90": "p90",
    "p95": "p95",
    "p99": "p99",
    "p99_9": "p99.9",
    "max": "max",
}
SPLIT_PARTS = {
    "schedule_lag": "schedule lag",
    "pool_wait": "pool wait",
    "pooler_wait": "pooler wait",
    "server": "server",
    "driver_and_wire": "driver and wire",
    "release": "release",
    "unexplained": "unexplained",
}
_SETTING = re.compile(
    r"\b(load\.(?:clients|rate|users)|pool\.(?:size|driver)|pooler\.kind) (\d+(?:,\d{3})*(?:\.\d+)?\b|[a-z]\w+\b)"
)
_WORD = re.compile(r"[a-z]+(?:-[a-z]+)*(?=[ ,:;.]|$)")
_LONGEST_LEVEL = 100
_LONGEST_NAME = 120
_PERCENT_METRICS = ("error_rate", "cache_hit_ratio")
# What moves or hides text: C0 and C1 controls, bidirectional overrides, zero-width characters, lone surrogates.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]"
)


def reveal(text: str) -> str:
    """Write every character that hides or turns text as its code point; line breaks and tabs stay."""
    return _HIDDEN.sub(lambda match: f"⟨U+{ord(match[0]):04X}⟩", text.replace("\r\n", "\n"))


def capital(text: str) -> str:
    """Begin a sentence with a capital, unless its first word is a name, such as ``rating_lookup`` or ``p95``."""
    return text[:1].upper() + text[1:] if _WORD.match(text) else text


def shorten(text: str, longest: int = 60) -> str:
    """Cut text for places of fixed size, such as axes and headings; the whole of it stands elsewhere."""
    plain = " ".join(reveal(text).split())
    return plain if len(plain) <= longest else plain[: longest - 1].rstrip() + "…"


def slug(text: str) -> str:
    """Make an anchor out of a name: ASCII letters, digits and dashes."""
    plain = unicodedata.normalize("NFKD", text[:80]).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-") or "item"


def key_name(key: str) -> str:
    """Name a swept key as people say it; unknown keys keep their own name."""
    return _KEYS.get(key) or reveal(key)


def level_text(level: Level) -> str:
    """Write one level of a factor."""
    if isinstance(level, bool):
        return "on" if level else "off"
    if isinstance(level, float):
        return f"{level:,.6g}"
    return f"{level:,}" if isinstance(level, int) else reveal(level)


def setting(key: str, level: Level) -> str:
    """Write one factor with its level: ``pool size 8``, ``50 clients``, ``no pooler``."""
    text = shorten(level_text(level), _LONGEST_LEVEL)
    match key:
        case "load.clients" | "load.users":
            return f"{text} {key_name(key)}" if level != 1 else f"1 {key_name(key)[:-1]}"
        case "load.rate":
            return f"{text}/s offered"
        case "pool.driver":
            return text
        case "pooler.kind":
            return "no pooler" if level == "none" else f"through {text}"
        case "pool.size" | "pooler.size" | "pooler.mode":
            return f"{key_name(key)} {text}"
        case "change":
            return {"start": "unchanged", "combination": "all kept changes together"}.get(text, f"change {text}")
        case _:
            return f"{shorten(key_name(key), _LONGEST_LEVEL)} = {text}"


def plain(text: str) -> str:
    """Say ``50 clients`` where the analysis says ``load.clients 50``."""
    return _SETTING.sub(lambda match: setting(match[1], _level(match[2])), text)


def _level(text: str) -> Level:
    number = text.replace(",", "")
    try:
        return float(number) if "." in number else int(number)
    except ValueError:
        return text


def ordered_keys(keys: Iterable[str]) -> list[str]:
    """Sort keys as people read them: driver and pooler first, then pool size, load, and the rest by name."""
    return sorted(keys, key=lambda key: (KEY_ORDER.index(key) if key in KEY_ORDER else len(KEY_ORDER), key))


def describe(treatment: Mapping[str, Level], keys: Sequence[str] | None = None) -> str:
    """Name a treatment by the given keys, or by all of them."""
    wanted = ordered_keys(treatment) if keys is None else keys
    return ", ".join(setting(key, treatment[key]) for key in wanted if key in treatment) or "the one treatment"


def varied_keys(treatments: Sequence[Mapping[str, Level]]) -> list[str]:
    """Return the keys that do not have the same level everywhere, in reading order."""
    keys = {key for treatment in treatments for key in treatment}
    return ordered_keys(key for key in keys if len({repr(treatment.get(key)) for treatment in treatments}) > 1)


def metric_name(metric: str) -> str:
    """Name a metric: ``response_time.p95`` is ``response time p95``."""
    head, _, tail = metric.partition(".")
    if head == "split":
        return f"{SPLIT_PARTS.get(tail, tail.replace('_', ' '))}, part of the mean"
    return " ".join(filter(None, (head.replace("_", " "), _STATISTICS.get(tail, tail.replace("_", " ")))))


def metric_unit(metric: str, unit: str) -> str:
    """Return the unit to write: shares are written in percent, counts per operation as plain numbers."""
    return "%" if metric in _PERCENT_METRICS and unit == "1" else unit


def operation_name(operation: str) -> str:
    """Name an operation; ``*`` stands for all of them together. A name too long for a table is cut."""
    return "all operations" if operation == ALL_OPERATIONS else shorten(operation, _LONGEST_NAME)
