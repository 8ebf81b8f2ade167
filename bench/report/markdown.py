"""The report in a few lines of Markdown: for a terminal, the summary of a CI step, a comment on a change."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from bench.analysis.wording import count
from bench.report.words import reveal, shorten

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.report.document import Document
    from bench.report.sections.budgets import BudgetRow

_MOST_BUDGETS: Final = 20
_MOST_FINDINGS: Final = 10
SIGNS: Final = {"pass": "✅", "fail": "❌", "inconclusive": "⚠️", "none": "ℹ️"}  # noqa: RUF001 - the sign, not the letter
# What would form markup in somebody else's text: links, HTML, emphasis, math, table cells, references to issues.
_SPECIAL: Final = re.compile(
    r"^[#>+=-]|\\(?=[!-/:-@\[-`{-~])|[*|$~]|(?<![^\W_])_|_(?![^\W_])|\](?=[(\[:])|<(?=[A-Za-z/!?])|#(?=\d)|&(?=\w+;|#)"
)


def render_markdown(document: Document) -> str:
    """Return verdict, answer, budgets, findings and doubts; foreign text cannot form markup or leave its line."""
    return "\n".join(_lines(document)).rstrip() + "\n"


def plain_text(text: str, longest: int = 300) -> str:
    """Make foreign text one line that forms no markup but code between backticks, and mentions nobody."""
    line = shorten(text, longest)
    parts = line.split("`")
    if len(parts) % 2 == 0 or "" in parts[1::2]:
        return _escape(line).replace("`", "\\`")
    return "".join(_code(part) if i % 2 else _escape(part) for i, part in enumerate(parts))


def _code(text: str) -> str:
    return f"`{text}`".replace("|", "\\|")


def _escape(text: str) -> str:
    # A word joiner behind the sign keeps a name from being notified; a backslash would not.
    return _SPECIAL.sub(lambda match: "\\" + match[0], text).replace("@", "@\u2060")


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?", ":", "…")) else f"{text}."


def _lines(document: Document) -> Iterator[str]:
    banner = document.banner
    yield f"## {SIGNS[banner.state]} {banner.word}: {plain_text(document.title)}"
    yield ""
    yield plain_text(banner.sentence)
    yield ""
    yield f"**{plain_text(banner.answer, 600)}**"
    yield ""
    for notice in banner.notices:
        yield f"> {plain_text(notice)}"
        yield ""
    yield from _tiles(document)
    yield from _changes(document)
    yield from _budgets(document.budgets.main, with_treatment=document.budgets.with_treatment)
    yield from _findings(document)
    yield from _doubts(document)
    yield from _list("What this cannot claim", [plain_text(text) for text in banner.cannot])
    yield f"Run `{reveal(document.run_id).replace('`', '')}`, {plain_text(document.generator)}"


def _tiles(document: Document) -> Iterator[str]:
    if not document.banner.tiles:
        return
    yield f"{plain_text(document.banner.tiles_title)}:"
    yield ""
    yield "| | | |"
    yield "|---|---:|---|"
    for tile in document.banner.tiles:
        yield f"| {tile.title} | {tile.value} | {tile.note} |"
    yield ""


def _changes(document: Document) -> Iterator[str]:
    if document.changes is None:
        return
    yield plain_text(document.changes.line, 600)
    yield ""
    lines = [plain_text(row.line, 400) for row in document.changes.changed.rows]
    yield from _list("Changed against the baseline", lines)


def _budgets(rows: Sequence[BudgetRow], *, with_treatment: bool) -> Iterator[str]:
    if not rows:
        return
    yield f"| Verdict | Budget |{' Treatment |' if with_treatment else ''} Operation | Observed | Limit | Headroom |"
    yield f"|---|---|{'---|' if with_treatment else ''}---|---:|---:|---:|"
    for row in rows[:_MOST_BUDGETS]:
        cells = [
            f"{SIGNS[row.verdict]} {row.word}",
            plain_text(row.budget),
            *([plain_text(row.treatment)] if with_treatment else []),
            plain_text(row.operation, 60),
            f"{row.observed} {row.interval}".strip(),
            row.limit,
            row.headroom,
        ]
        yield f"| {' | '.join(cells)} |"
    yield ""
    if len(rows) > _MOST_BUDGETS:
        yield f"In the report: {count(len(rows) - _MOST_BUDGETS, 'more line')}."
        yield ""


def _findings(document: Document) -> Iterator[str]:
    lines = [
        f"**{item.severity}** ({plain_text(item.status)}): {_sentence(plain_text(item.summary))} "
        f"{plain_text(item.remedy)}"
        for item in document.recommendations
    ]
    yield from _list("Findings", lines)


def _doubts(document: Document) -> Iterator[str]:
    lines = [
        f"**{plain_text(item.code)}**{' (excluded)' if item.excludes else ''}, {plain_text(item.reach)}: "
        f"{_sentence(plain_text(item.text))} Cure: {plain_text(item.cure)}"
        for item in document.doubts
    ]
    yield from _list("Doubts", lines)


def _list(title: str, lines: Sequence[str]) -> Iterator[str]:
    if not lines:
        return
    yield f"### {title}"
    yield ""
    for line in lines[:_MOST_FINDINGS]:
        yield f"- {line}"
    if len(lines) > _MOST_FINDINGS:
        yield f"- and {len(lines) - _MOST_FINDINGS} more in the report"
    yield ""
