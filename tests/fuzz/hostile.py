"""Input that somebody meant to do harm with, or that a disk has spoilt."""

from __future__ import annotations

import copy
import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import random

PLAIN: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    2**31,
    2**63,
    10**30,
    10**9,
    1e308,
    -0.0,
    "",
    "../../escaped",
    "/etc/passwd",
    "latest",
    ".hidden",
    "a\x00b",
    "\ud7ff\U0010ffff" * 40,
    "x" * 70_000,
    "{{ 7 * 7 }}<script>",
    [],
    {},
    [[[]]],
    {"format": 99, "kind": "run"},
)
WRITTEN = (
    *('""', "0", "-1", "1e309", "nan", "inf", "true", "[]", "{}", "'50ms'", '"1e9h"', '"-5s"', '"0/s"', "1979-05-27"),
    *("1000000000", "99999999999999999999999999", '"9999999999999999999s"', "[" * 3000, "[[[]]]", '"""', "{ a = 1 }"),
    *(
        '"../../escaped"',
        '"random"',
        '"psycopg"',
        '"\\u0000"',
        '"p95 < 1ms"',
        "[1, 2, 2]",
        '["a", 1]',
        "[0]",
        "[1e400]",
    ),
)
_VALUE = re.compile(r"(?m)=\s*([^\n]+)$")


def spoil_bytes(data: bytes, chance: random.Random) -> bytes:
    """Cut, repeat, overwrite or flip parts of a file."""
    spoilt = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(spoilt) + 1)
        match chance.randrange(5):
            case 0:
                del spoilt[place:]
            case 1:
                del spoilt[place : place + chance.randint(1, 40)]
            case 2:
                spoilt[place:place] = spoilt[place : place + chance.randint(1, 200)]
            case 3 if place < len(spoilt):
                spoilt[place] ^= 1 << chance.randrange(8)
            case _:
                spoilt[place : place + 4] = chance.randbytes(4)
    return bytes(spoilt)


def spoil_json(data: bytes, chance: random.Random) -> bytes:
    """Put something else in the place of a value, lose one, or add one; now and then spoil the bytes as well."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):  # it was spoilt before
        return spoil_bytes(data, chance)
    for _ in range(chance.randint(1, 3)):
        _spoil_value(document, chance)
    written = json.dumps(document).encode(errors="surrogatepass")
    if chance.random() < 0.05:
        written = b"[" * 20_000 + written
    return spoil_bytes(written, chance) if chance.random() < 0.2 else written


def _spoil_value(document: Any, chance: random.Random) -> None:
    node = document
    while isinstance(node, dict | list):
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        if not keys:
            return
        key = chance.choice(keys)
        if isinstance(node[key], dict | list) and node[key] and chance.random() < 0.8:
            node = node[key]
            continue
        match chance.randrange(4):
            case 0:
                del node[key]
            case 1 if isinstance(node, dict):
                node[chance.choice(("", "format", "x" * 300, "../up"))] = copy.deepcopy(chance.choice(PLAIN))
            case _:
                node[key] = copy.deepcopy(chance.choice(PLAIN))
        return


def spoil_toml(text: str, chance: random.Random) -> str:
    """Put something else in the place of a value, lose a line, or repeat one; now and then spoil characters as well."""
    for _ in range(chance.randint(1, 3)):
        lines = text.split("\n")
        place = chance.randrange(len(lines))
        match chance.randrange(5):
            case 0:
                del lines[place]
            case 1:
                lines.insert(chance.randrange(len(lines) + 1), lines[place])
            case _:
                values = list(_VALUE.finditer(text))
                if values:
                    found = chance.choice(values)
                    lines = [text[: found.start(1)] + chance.choice(WRITTEN) + text[found.end(1) :]]
        text = "\n".join(lines) or "\n"
    if chance.random() < 0.2:
        text = spoil_bytes(text.encode(), chance).decode(errors="replace")
    return text
