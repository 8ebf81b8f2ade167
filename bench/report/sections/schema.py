"""The schema behind the numbers: what an audit proved of it, and the partitioned tables that the load touches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bench.analysis.wording import count
from bench.report.numbers import quantity
from bench.report.sections.environment import instant
from bench.report.tables import Cell, Column, Table
from bench.report.words import ABSENT, operation_name, shorten

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.analysis.partition_use import PartitionUse
    from bench.model.facts import RunFacts
    from bench.model.ledger import StoredAudit

_CLAIM: Final = 160
_SUMMARY: Final = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaSection:
    """``sentence`` says what is known of the schema; ``claims`` is None where no audit of it is stored."""

    sentence: str
    proven: bool
    claims: Table | None
    doubts: tuple[str, ...]
    partitions: Table | None


def lay_out_schema(
    run: RunFacts, audit: StoredAudit | None, doubts: Sequence[str], partitions: Sequence[PartitionUse]
) -> SchemaSection | None:
    """Return the section; None where a run has neither a schema of ours nor partitions."""
    tables = _tabulate_partitions(partitions) if partitions else None
    if not run.schema_hash and tables is None:
        return None
    return SchemaSection(
        sentence=_sentence(run, audit),
        proven=audit is not None and all(claim.verdict == "pass" for claim in audit.claims),
        claims=None if audit is None else _tabulate_claims(audit),
        doubts=tuple(shorten(doubt, _SUMMARY) for doubt in doubts),
        partitions=tables,
    )


def _sentence(run: RunFacts, audit: StoredAudit | None) -> str:
    if not run.schema_hash:
        return "An attached database: the claims of the schema audit are about the shipped schema."
    if audit is None:
        return "No audit of this very schema is stored beside the run: `bench schema audit` proves its claims."
    proven = sum(claim.verdict == "pass" for claim in audit.claims)
    server = shorten(audit.subject.get("server", "an unknown server"), 60)
    return (
        f"{proven} of {count(len(audit.claims), 'claim')} about this very schema proven on {server}, "
        f"{instant(audit.started_utc)} ({shorten(audit.run_id, 60)})."
    )


def _tabulate_claims(audit: StoredAudit) -> Table:
    ordered = sorted(audit.claims, key=lambda claim: claim.verdict == "pass")
    rows = tuple(
        (
            Cell(shorten(claim.id, 20)),
            Cell(shorten(claim.claim, _CLAIM)),
            Cell("proven", tone="good") if claim.verdict == "pass" else Cell("FAILED", tone="bad"),
            Cell(shorten(claim.summary, _SUMMARY)),
        )
        for claim in ordered
    )
    columns = (Column("Claim"), Column("What it says"), Column("State"), Column("Evidence"))
    return Table("Claims about the schema, failed ones first", columns, rows)


def _tabulate_partitions(lines: Sequence[PartitionUse]) -> Table:
    columns = (
        Column("Table"),
        Column("Key"),
        Column("Partitions", numeric=True),
        Column("Rows (estimate)", numeric=True),
        Column("Size", numeric=True),
        Column("In the default partition", numeric=True),
        Column("Scanned by"),
    )
    caption = "Partitioned tables that the load touches, and the most partitions that a plan of each operation scans"
    return Table(caption, columns, tuple(_row(line) for line in lines))


def _row(line: PartitionUse) -> tuple[Cell, ...]:
    table, every = line.table, len(line.table.parts)
    stray = table.default_rows
    return (
        Cell(shorten(table.table, 80)),
        Cell(shorten(table.key, 80)),
        Cell(f"{every:,}", order=every),
        Cell(f"{table.rows:,}", order=table.rows),
        Cell(quantity(table.size_bytes, "bytes"), order=table.size_bytes),
        Cell("no such") if stray is None else Cell(f"{stray:,}", order=stray, tone="bad" if stray else ""),
        Cell(", ".join(_scans(name, number, every) for name, number in line.scanned.items()) or ABSENT),
    )


def _scans(operation: str, number: int, every: int) -> str:
    name = shorten(operation_name(operation), 40)
    return f"{name} {number} of {every}" if number else f"{name} writes through the root"
