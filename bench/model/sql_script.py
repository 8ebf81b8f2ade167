"""A script of SQL statements, one after the other: where one ends is decided by PostgreSQL's rules for quotes."""

from __future__ import annotations

import re

_TOKEN = re.compile(
    r"""(?P<comment>--[^\n]*|/\*.*?\*/)
      | (?P<quoted>'(?:[^']|'')*' | "(?:[^"]|"")*" | (?P<tag>\$[A-Za-z_]*\$).*?(?P=tag))
      | (?P<end>;)""",
    re.DOTALL | re.VERBOSE,
)


def split_statements(script: str) -> tuple[str, ...]:
    """Return the statements without comments, semicolons and surrounding space; empty ones are left out."""
    statements, begin, text = [], 0, ""
    for token in _TOKEN.finditer(script):
        text += script[begin : token.start()]
        begin = token.end()
        if token["quoted"]:
            text += token["quoted"]
        elif token["comment"]:
            text += " "
        else:
            statements.append(text)
            text = ""
    statements.append(text + script[begin:])
    return tuple(stripped for one in statements if (stripped := one.strip()))
