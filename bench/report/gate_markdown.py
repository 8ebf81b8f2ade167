"""A judgement as Markdown: a comment on a change, and the summary of a CI step. Both keep within what GitHub takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bench.analysis.wording import count
from bench.report.markdown import SIGNS, plain_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.report.gate import GateDocument, GateRow

LONGEST_COMMENT: Final = 65_535
"""Characters of an issue comment."""
LARGEST_SUMMARY: Final = 1024 * 1024 - 1
"""Bytes of a step summary."""
_SPARE: Final = 4_000
"""Room for what stands below the table."""
_REASONS: Final = 10


def render_comment(document: GateDocument) -> str:
    """Return a comment; its first line marks it, so that the next run can replace it instead of adding another."""
    marker = f"<!-- poolbench-gate {plain_text(document.scenario, 80).replace('--', '')} -->"
    return f"{marker}\n{_render(document, LONGEST_COMMENT - len(marker) - 1)}"


def render_summary(document: GateDocument) -> str:
    """Return the summary of a CI step."""
    return _render(document, LARGEST_SUMMARY // 4)  # a character takes at most four bytes


def _render(document: GateDocument, longest: int) -> str:
    head = "\n".join(_head(document))
    foot = "\n".join(_foot(document))[: longest // 3]
    room = longest - len(head) - len(foot) - _SPARE
    kept: list[str] = []
    rows = [row for row in document.rows if row.counts]
    for row in rows:
        line = _cells(row)
        if room < len(line) + 1:
            break
        room -= len(line) + 1
        kept.append(line)
    left = len(rows) - len(kept)
    more = f"\nIn `gate.json` of the run: {count(left, 'more line')}.\n" if left else ""
    return f"{head}\n" + "\n".join(kept) + f"\n{more}\n{foot}\n"


def _head(document: GateDocument) -> Iterator[str]:
    word = {"pass": "Passed", "fail": "Failed", "inconclusive": "Inconclusive"}[document.verdict]
    yield f"## {SIGNS[document.verdict]} {word}: {plain_text(document.sentence)}"
    yield ""
    if document.treatment:
        yield f"With {plain_text(document.treatment)}."
        yield ""
    yield "| | Operation | What | Observed | Limit or baseline | Change |"
    yield "|---|---|---|---:|---:|---|"


def _cells(row: GateRow) -> str:
    cells = (row.operation, row.what, row.observed, row.against, row.change)
    return f"| {SIGNS[row.verdict]} {row.verdict} | " + " | ".join(plain_text(cell, 200) for cell in cells) + " |"


def _foot(document: GateDocument) -> Iterator[str]:
    told = [row for row in document.deciding if row.verdict != "pass" and row.reason]
    for row in told[:_REASONS]:
        yield f"- **{plain_text(row.what, 120)}**, {plain_text(row.operation, 60)}: {plain_text(row.reason, 400)}"
    if len(told) > _REASONS:
        yield f"- and {len(told) - _REASONS} more"
    for difference in document.allowed:
        yield f"- allowed difference: {plain_text(difference)}"
    for note in document.notes:
        yield f"- note: {plain_text(note, 400)}"
    yield ""
    yield f"Run {plain_text(document.run_id)}" + (
        f", against {plain_text(document.baseline)}" if document.baseline else ""
    )
