"""A judgement as workflow commands of GitHub Actions: notes beside the line of the scenario that states the budget."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.report.gate import GateDocument, GateRow

MOST: Final = 10
"""Annotations of one kind that GitHub shows for a step; further ones are counted."""
_COMMANDS: Final = {"fail": "error", "inconclusive": "warning"}


def render_annotations(document: GateDocument) -> tuple[str, ...]:
    """Return one command a line that did not pass, failures first."""
    return tuple(line for verdict in _COMMANDS for line in _annotate(document, verdict))


def _annotate(document: GateDocument, verdict: str) -> Iterator[str]:
    rows = [row for row in document.deciding if row.verdict == verdict]
    shown = rows if len(rows) <= MOST else rows[: MOST - 1]
    for row in shown:
        seen = ", ".join(part for part in (row.observed, row.against, row.change, row.reason) if part)
        yield _command(document, row, _COMMANDS[verdict], seen)
    if len(rows) > len(shown):
        yield f"::{_COMMANDS[verdict]} title=poolbench::{len(rows) - len(shown)} more lines: see the summary"


def _command(document: GateDocument, row: GateRow, command: str, message: str) -> str:
    title = f"{row.what}, {row.operation}"
    file = document.origin.source or "scenario.toml"
    return f"::{command} file={_value(file)},line={row.line},title={_value(title)}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _value(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
