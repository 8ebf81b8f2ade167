"""A judgement as a person reads it on a terminal: a table of lines, the doubts, the verdict."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import msgspec
from rich.console import Console
from rich.table import Table

from bench.cli.output import print_json, tell
from bench.cli.screen import shown

if TYPE_CHECKING:
    from bench.experiment.gate import Gated
    from bench.report.gate import GateDocument

_WIDTH = 200
"""Letters of a line in a log, which does not wrap."""
_COLOURS = {"pass": "green", "fail": "red", "inconclusive": "yellow"}


def print_gate(gated: Gated, document: GateDocument, kind: str, *, as_json: bool) -> None:
    """Print the judgement for a person, or as the one JSON document that scripts read."""
    result = gated.result
    if as_json:
        fields: dict[str, Any] = {
            "run_id": result.run_id,
            "path": str(gated.path.parent),
            "report": str(gated.page) if gated.page else None,
            **msgspec.to_builtins(result),
        }
        print_json(kind, fields)
        return
    _print(document, Console(highlight=False, width=None if sys.stdout.isatty() else _WIDTH))
    if gated.page is not None:
        tell(str(gated.page))


def _print(document: GateDocument, console: Console) -> None:
    table = Table(box=None, pad_edge=False, show_edge=False, header_style="dim")
    for title in ("verdict", "operation", "what", "observed", "limit or baseline", "change"):
        table.add_column(title, overflow="fold")
    for row in document.rows:
        word = shown(row.verdict, style=_COLOURS[row.verdict] if row.counts else "dim")
        table.add_row(word, *(shown(cell) for cell in (row.operation, row.what, row.observed, row.against, row.change)))
    if document.treatment:
        console.print(shown(document.treatment, style="dim"))
    console.print(table)
    for row in document.rows:
        if row.counts and row.verdict != "pass":
            console.print(
                shown(f"{row.verdict}: {row.what}, {row.operation}: {row.reason}", style=_COLOURS[row.verdict])
            )
    for difference in document.allowed:
        console.print(shown(f"allowed difference: {difference}", style="yellow"))
    for note in document.notes:
        console.print(shown(f"note: {note}", style="dim"))
    verdict = shown(document.verdict.upper(), style=f"bold {_COLOURS[document.verdict]}")
    console.print(verdict, shown(document.sentence))
