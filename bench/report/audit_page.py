"""The ledger of an audit as a page: every claim with its evidence, for a reviewer who believes nothing else."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench import __version__
from bench.analysis.wording import count
from bench.report.html import render_page
from bench.report.sections.environment import instant
from bench.report.sections.files import RawFile
from bench.report.tables import Cell, Column, Table
from bench.report.words import shorten, slug

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bench.model.ledger import ClaimResult, Fault, Ledger

LONGEST = 400
"""Letters of one piece of evidence on the page; the whole of it stands in the file beside."""


@dataclass(frozen=True, slots=True)
class Line:
    """One claim on the page."""

    anchor: str
    id: str
    claim: str
    state: str
    word: str
    summary: str
    remedy: str
    seconds: str
    faults: tuple[Fault, ...]
    facts: tuple[tuple[str, str], ...]
    tables: tuple[Table, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditDocument:
    """The page, worked out before anything is drawn."""

    run_id: str
    generator: str
    title: str
    subtitle: str
    state: str
    word: str
    sentence: str
    lines: tuple[Line, ...]
    not_applicable: tuple[tuple[str, str, str], ...]
    notes: tuple[str, ...]
    subject: tuple[tuple[str, str], ...]
    files: tuple[RawFile, ...]


def render_audit(ledger: Ledger, run_id: str, file: str) -> str:
    """Return the page; ``file`` is the way to ``audit.json`` from its folder. The same ledger gives the same bytes."""
    return render_page("audit.html.j2", document=build_audit(ledger, run_id, file))


def build_audit(ledger: Ledger, run_id: str, file: str) -> AuditDocument:
    """Lay out a ledger."""
    failed = ledger.failed
    passed = count(len(ledger.claims) - len(failed), "claim")
    sentence = f"{passed} of {len(ledger.claims)} proven"
    if failed:
        sentence += "; refuted or not provable: " + ", ".join(claim.id for claim in failed)
    return AuditDocument(
        run_id=run_id,
        generator=f"poolbench {__version__}",
        title="Schema audit",
        subtitle=f"{ledger.subject.get('environment', '')} on {ledger.subject.get('server', '')}, "
        f"{instant(ledger.started_utc)}, {ledger.seconds:.1f} s",
        state=ledger.verdict,
        word="Passed" if ledger.verdict == "pass" else "Failed",
        sentence=sentence + ".",
        lines=tuple(_line(claim) for claim in ledger.claims),
        not_applicable=tuple((each.id, each.claim, each.reason) for each in ledger.not_applicable),
        notes=ledger.notes,
        subject=tuple(ledger.subject.items()),
        files=(RawFile(file, "the ledger with all of its evidence"),),
    )


def _line(claim: ClaimResult) -> Line:
    evidence = {key: value for key, value in claim.evidence.items() if key != "faults"}
    return Line(
        anchor=slug(claim.id),
        id=claim.id,
        claim=shorten(claim.claim, LONGEST),
        state=claim.verdict,
        word="Pass" if claim.verdict == "pass" else "Fail",
        summary=shorten(claim.summary, LONGEST),
        remedy=claim.remedy,
        seconds=f"{claim.seconds:.1f} s",
        faults=claim.faults,
        facts=tuple((_words(key), _text(value)) for key, value in evidence.items() if not _is_table(value)),
        tables=tuple(table for key, value in evidence.items() if _is_table(value) for table in _tables(key, value)),
    )


def _is_table(value: Any) -> bool:
    """Tell what fills a table: several named things, or several things of the same make."""
    if isinstance(value, dict):
        return bool(value)
    return isinstance(value, (list, tuple)) and bool(value) and all(isinstance(each, dict) for each in value)


def _tables(title: str, value: Any) -> Iterator[Table]:
    """Lay out one piece of evidence; lists of things inside a dict become a table each."""
    if isinstance(value, dict) and all(_is_table(each) and isinstance(each, (list, tuple)) for each in value.values()):
        for key, rows in value.items():
            yield _of_rows(f"{_words(title)}: {key}", rows)
    elif isinstance(value, dict) and any(isinstance(each, dict) for each in value.values()):
        rows = [{"name": key, **(each if isinstance(each, dict) else {"value": each})} for key, each in value.items()]
        yield _of_rows(_words(title), rows)
    elif isinstance(value, dict):
        yield _of_rows(_words(title), [{"name": key, "value": each} for key, each in value.items()])
    else:
        yield _of_rows(_words(title), value)


def _of_rows(caption: str, rows: Sequence[Mapping[str, Any]]) -> Table:
    keys = list(dict.fromkeys(key for row in rows for key in row))
    numeric = {key for key in keys if all(_is_number(row.get(key, 0)) for row in rows)}
    return Table(
        f"{caption} ({len(rows)})",
        tuple(Column(_words(key), numeric=key in numeric) for key in keys),
        tuple(tuple(_cell(row.get(key)) for key in keys) for row in rows),
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _cell(value: Any) -> Cell:
    return Cell(_text(value), order=float(value) if _is_number(value) else None)


def _text(value: Any) -> str:
    """Write any piece of evidence in a line."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case list() | tuple() if all(isinstance(each, (str, int)) for each in value):
            return shorten(", ".join(map(str, value)), LONGEST)
        case str():
            return shorten(value, LONGEST)
        case _:
            return shorten(json.dumps(value, ensure_ascii=False, default=str), LONGEST)


def _words(key: str) -> str:
    return str(key).replace("_", " ")
