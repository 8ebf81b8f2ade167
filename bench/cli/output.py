"""How every command prints: one JSON document on stdout, everything else for people; progress goes to stderr."""

from __future__ import annotations

import io
import json
import os
import sys
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from bench.model.errors import BenchError

PASSED, FAILED, USAGE, COULD_NOT_RUN, INCONCLUSIVE, INTERRUPTED = 0, 1, 2, 3, 4, 130
EXIT_CODES = {"pass": PASSED, "fail": FAILED, "inconclusive": INCONCLUSIVE}


def show_unicode_safely() -> None:
    """Replace what the terminal's encoding lacks instead of failing on it."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def choose_colour() -> bool | None:
    """Return False where `NO_COLOR` is set (https://no-color.org), else None: colours on a terminal only."""
    return False if os.environ.get("NO_COLOR") else None


def print_error(error: BenchError) -> None:
    """Print one error: the problem, what was seen, what to do."""
    word = click.style("error", fg="red", bold=True)
    click.echo(f"{word}: {error.problem}", err=True, color=choose_colour())
    if error.evidence:
        click.echo(f"  seen: {error.evidence}", err=True)
    click.echo(f"  remedy: {error.remedy}", err=True)


def print_json(kind: str, document: dict[str, Any]) -> None:
    """Print the one JSON document of a command."""
    click.echo(json.dumps({"format": 1, "kind": kind, **document}, indent=2, ensure_ascii=False, default=str))


def verdict_code(verdict: str | None, *, warn_only: bool) -> int:
    """Return the exit code of a verdict; ``warn_only`` turns a failure or doubt into 0."""
    code = EXIT_CODES[verdict] if verdict else PASSED
    return PASSED if warn_only else code


def note(text: str) -> None:
    """Tell a person something, beside the result."""
    click.echo(text, err=True)


json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
warn_only_option = click.option("--warn-only", is_flag=True, help="Print failures and doubts but exit 0.")
