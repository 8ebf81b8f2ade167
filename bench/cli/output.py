"""How every command prints: one JSON document on stdout, everything else for people; progress goes to stderr."""

from __future__ import annotations

import io
import json
import os
import re
import sys
from typing import TYPE_CHECKING, Any

import click

from bench.report.words import reveal

if TYPE_CHECKING:
    from bench.model.errors import BenchError

PASSED, FAILED, USAGE, COULD_NOT_RUN, INCONCLUSIVE, INTERRUPTED = 0, 1, 2, 3, 4, 130
EXIT_CODES = {"pass": PASSED, "fail": FAILED, "inconclusive": INCONCLUSIVE}
_COLOUR = re.compile(r"(\x1b\[(?:0|1|2|22|3[0-7]|9[0-7])m)|[^\x1b]+|\x1b")
"""Our own colours, and everything between them; no other sequence reaches a terminal."""


def show_unicode_safely() -> None:
    """Replace what the terminal's encoding lacks instead of failing on it."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def choose_colour() -> bool | None:
    """Return False where `NO_COLOR` is set (https://no-color.org), else None: colours on a terminal only."""
    return False if os.environ.get("NO_COLOR") else None


def tell(text: str = "", *, err: bool = False, color: bool | None = None, **style: Any) -> None:
    """Print text for a person. What would hide, turn or move text on a terminal is written as its code point."""
    plain = _COLOUR.sub(lambda match: match[0] if match[1] else reveal(match[0]), text)
    click.echo(click.style(plain, **style) if style else plain, err=err, color=color)


def print_error(error: BenchError) -> None:
    """Print one error: the problem, what was seen, what to do."""
    word = click.style("error", fg="red", bold=True)
    tell(f"{word}: {error.problem}", err=True, color=choose_colour())
    if error.evidence:
        tell(f"  seen: {error.evidence}", err=True)
    tell(f"  remedy: {error.remedy}", err=True)


def print_json(kind: str, document: dict[str, Any]) -> None:
    """Print the one JSON document of a command."""
    click.echo(json.dumps({"format": 1, "kind": kind, **document}, indent=2, ensure_ascii=False, default=str))


def verdict_code(verdict: str | None, *, warn_only: bool) -> int:
    """Return the exit code of a verdict; ``warn_only`` turns a failure or doubt into 0."""
    code = EXIT_CODES[verdict] if verdict else PASSED
    return PASSED if warn_only else code


def note(text: str) -> None:
    """Tell a person something, beside the result."""
    tell(text, err=True)


json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
warn_only_option = click.option("--warn-only", is_flag=True, help="Print failures and doubts but exit 0.")
