"""A file of SQL into statements with positional parameters, as psql, aiosql and sqlc users write them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bench.model.errors import ScenarioError

_TOKEN = re.compile(
    r"""
    (?P<comment>--[^\n]*|/\*.*?\*/)
    | (?P<quoted>[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*")
    | (?P<dollars>\$(?P<tag>[A-Za-z_]\w*)?\$.*?\$(?(tag)(?P=tag))\$)
    | (?P<cast>::)
    | (?P<named>(?<![\w:]):(?P<word>[A-Za-z_]\w*))
    | (?P<numbered>(?<!\w)\$(?P<number>\d+))
    | (?P<end>;)
    """,
    re.DOTALL | re.VERBOSE,
)
"""What matters for cutting a text into statements. Everything else is passed over."""
_NAME = re.compile(r"--\s*name\s*:\s*([\w-]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement. ``sql`` has its parameters as ``$1``, ``$2``, …; ``names`` are theirs, where the text gave any."""

    name: str
    sql: str
    names: tuple[str, ...] = ()


def read_statements(text: str, source: str) -> list[Statement]:
    """Cut a text at its semicolons; raises ``ScenarioError`` where there is nothing, or two styles of parameters.

    ``-- name: lookup`` before a statement names it (as in aiosql and sqlc); others are ``statement_1`` and so on.
    Parameters are ``$1`` or ``:name``; what is quoted, commented or cast (``::int``) is left alone.
    """
    found: list[Statement] = []
    for piece in _pieces(text):
        if _bare(piece):
            found.append(_statement(piece, len(found) + 1, source))
    if not found:
        raise ScenarioError(f"{source}: holds no SQL statement", remedy="Write statements that end with semicolons.")
    twice = sorted({one.name for one in found if sum(one.name == other.name for other in found) > 1})
    if twice:
        raise ScenarioError(
            f"{source}: two statements are called {', '.join(twice)}", remedy="Give each `-- name:` once."
        )
    return found


def _pieces(text: str) -> list[str]:
    cuts = [found.start() for found in _TOKEN.finditer(text) if found["end"]]
    return [text[start:end] for start, end in zip([0, *(cut + 1 for cut in cuts)], [*cuts, len(text)], strict=True)]


def _bare(piece: str) -> str:
    return _TOKEN.sub(lambda found: "" if found["comment"] else found[0], piece).strip()


def _statement(piece: str, number: int, source: str) -> Statement:
    named = _NAME.search(piece)
    name = named[1].replace("-", "_") if named else f"statement_{number}"
    words = list(dict.fromkeys(found["word"] for found in _TOKEN.finditer(piece) if found["named"]))
    if words and any(found["numbered"] for found in _TOKEN.finditer(piece)):
        raise ScenarioError(
            f"{source}: {name} has both `$1` and `:name` parameters", remedy="Use one style in a statement."
        )
    sql = _bare(_TOKEN.sub(lambda found: f"${words.index(found['word']) + 1}" if found["named"] else found[0], piece))
    return Statement(name, sql, tuple(words))


def renumber(sql: str, order: list[int]) -> str:
    """Give ``$n`` the place that n has in ``order``, from 1; what is quoted or commented is left alone."""
    return _TOKEN.sub(lambda found: f"${order.index(int(found['number'])) + 1}" if found["numbered"] else found[0], sql)
