"""What a report says of the schema: an audit with its claims, and partitions."""

from __future__ import annotations

import msgspec

from bench.analysis.partition_use import PartitionUse
from bench.model.ledger import ProvenClaim, StoredAudit
from bench.model.partitions import PartitionedTable
from bench.report.document import build_document
from bench.report.html import render_report
from bench.report.material import Material
from bench.report.sections.schema import lay_out_schema
from tests.report.page import read_page
from tests.report.recorded import RUN

OURS = msgspec.structs.replace(RUN, schema_hash="a" * 64)
FOREIGN = msgspec.structs.replace(RUN, schema_hash=None)
AUDIT = StoredAudit(
    run_id="audit-20250102T030405Z",
    subject={"environment": "schema", "server": "PostgreSQL 18.6", "schema": "a" * 64},
    started_utc="2025-01-02T03:04:05+00:00",
    claims=(
        ProvenClaim("S01", "One linear chain", "pass", "7 revisions"),
        ProvenClaim("S02", "Up and down again", "fail", "007 leaves a function behind"),
    ),
)
TABLE = PartitionedTable(
    table="audit_logs",
    key="RANGE (created_at)",
    parts=tuple(f"audit_logs_{month:02d}" for month in range(1, 13)),
    rows=12_000,
    size_bytes=3 << 20,
    default_rows=2,
)


def test_an_audit_is_summed_up_and_its_failed_claims_come_first() -> None:
    section = lay_out_schema(OURS, AUDIT, (), ())
    assert section is not None
    assert section.sentence.startswith("1 of 2 claims about this very schema proven on PostgreSQL 18.6")
    assert not section.proven
    assert section.claims is not None
    assert [row[0].text for row in section.claims.rows] == ["S02", "S01"]


def test_a_schema_without_an_audit_says_how_to_make_one() -> None:
    section = lay_out_schema(OURS, None, ("results/audit-1/audit.json is damaged",), ())
    assert section is not None
    assert "`bench schema audit`" in section.sentence
    assert section.doubts == ("results/audit-1/audit.json is damaged",)


def test_an_attached_database_has_partitions_but_no_claims_of_ours() -> None:
    assert lay_out_schema(FOREIGN, None, (), ()) is None
    section = lay_out_schema(FOREIGN, None, (), (PartitionUse(TABLE, {"search": 12, "write": 0}),))
    assert section is not None
    assert section.sentence.startswith("An attached database")
    assert section.partitions is not None
    [row] = section.partitions.rows
    assert [cell.text for cell in row] == [
        "audit_logs", "RANGE (created_at)", "12", "12,000", "3.00 MiB", "2",
        "search 12 of 12, write writes through the root",
    ]  # fmt: skip


def test_the_page_has_the_section_and_leads_to_it() -> None:
    page = read_page(render_report(build_document(Material(run=OURS, audit=AUDIT, partitions=(TABLE,)))))
    assert "007 leaves a function behind" in page.by_id("schema").text()
    links = [link.text() for link in page.all("a") if link.attributes.get("href") == "#schema"]
    assert links == ["Schema and partitions"]
