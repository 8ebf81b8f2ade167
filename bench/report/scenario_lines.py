"""Where in a scenario's text something is stated, so that a finding can point at the line."""

from __future__ import annotations

import re


def line_of(text: str, name: str, operation: str = "*") -> int:
    """Return the 1-based line of a budget's text, else of its operation's name, else of the budgets, else 1."""
    lines = text.splitlines()
    named = re.compile(rf"""\s*name\s*=\s*["']{re.escape(operation)}["']""")
    stated = re.compile(r"\s*budgets?\s*=")
    found = (
        [number for number, line in enumerate(lines, 1) if name in line and not line.lstrip().startswith("#")],
        [number for number, line in enumerate(lines, 1) if named.match(line)] if operation != "*" else [],
        [number for number, line in enumerate(lines, 1) if stated.match(line)],
    )
    return next((numbers[0] for numbers in found if numbers), 1)
