"""What the text of one statement says about it."""

from __future__ import annotations

import re

_SILENT = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|\$(\w*)\$.*?\$\1\$", re.DOTALL)
_QUERY = re.compile(r"\(*\s*(select|with|table|values)\b")
_CHANGE = re.compile(r"\b(insert|update|delete|merge|into|for\s+(key\s+)?share)\b")


def only_reads(sql: str) -> bool:
    """Tell a query from what changes or locks rows. Comments and texts in quotes say nothing of it."""
    spoken = _SILENT.sub(" ", sql).strip().casefold()
    return _QUERY.match(spoken) is not None and _CHANGE.search(spoken) is None
