"""The page of an audit: every claim, every fault, every piece of evidence, and nothing that is not ours."""

from __future__ import annotations

import msgspec
import pytest

from bench.model.ledger import ClaimResult, Fault, Ledger, NotApplicable
from bench.report.audit_page import build_audit, render_audit
from tests.report.page import read_page

FAULT = Fault("policies.<b>premium</b>", "no `CHECK` keeps it above zero\u202e", "Add `CHECK (premium > 0)`.")
LEDGER = Ledger(
    subject={"environment": "schema", "server": "PostgreSQL 18.1"},
    claims=(
        ClaimResult(
            id="S06", claim="30+ rules", verdict="fail", summary="12 rules", remedy=FAULT.remedy, faults=(FAULT,),
            evidence={
                "faults": [msgspec.to_builtins(FAULT)],
                "constraints": [
                    {"constraint": "ck_a", "reason": "Because.", "rows": 2}, {"constraint": "ck_b", "rows": 1},
                ],
                "counted": 12,
                "names": ["a", "b"],
            },
        ),
        ClaimResult(
            id="S05", claim="15+ indexes", verdict="pass", summary="20 indexes", remedy="",
            evidence={
                "faults": [],
                "kinds": {
                    "gin": [{"index": "ix_x", "serves": "a query"}], "partial": [{"index": "ix_y", "serves": "b"}],
                },
                "machines": {"policy": {"states": 6, "legal": [["a", "b"]]}},
                "served_by": {"fk_a": "ix_a"},
            },
        ),
    ),
    not_applicable=(NotApplicable("S11", "state machines", "it speaks of other names"),),
    notes=("squawk is not installed (`pip install squawk-cli`)",),
    started_utc="2025-01-02T03:04:05+00:00",
    seconds=12.34,
)  # fmt: skip


@pytest.fixture(scope="module")
def html() -> str:
    return render_audit(LEDGER, "audit-1", "../../results/audit-1/audit.json")


def test_the_page_is_whole_and_names_every_claim_with_its_verdict(html: str) -> None:
    page = read_page(html)
    ledger = page.by_id("ledger").text()
    for words in (
        "S06",
        "30+ rules",
        "12 rules",
        "Fail",
        "S05",
        "20 indexes",
        "Pass",
        "S11",
        "it speaks of other names",
    ):
        assert words in ledger
    assert "Failed" in page.by_id("verdict").text()
    assert "1 claim of 2 proven; refuted or not provable: S06" in page.by_id("verdict").text()
    assert "Squawk is not installed" in page.by_id("verdict").text()


def test_a_fault_is_shown_with_its_remedy_and_foreign_text_stays_text(html: str) -> None:
    section = read_page(html).by_id("s06")
    assert "policies.<b>premium</b>" in section.text()
    assert "CHECK (premium > 0)" in section.text()
    assert "⟨U+202E⟩" in section.text()
    assert "\u202e" not in html
    assert not [element for element in section.all("b") if "premium" in element.text()]


def test_evidence_becomes_facts_and_tables(html: str) -> None:
    page = read_page(html)
    captions = [element.text() for element in page.all("caption")]
    assert {"constraints (2)", "kinds: gin (1)", "kinds: partial (1)", "machines (1)", "served by (1)"} <= set(captions)
    facts = page.by_id("s06").all("dl")[0].text()
    assert "counted" in facts
    assert "a, b" in facts
    assert "faults" not in page.by_id("s05").text()


def test_every_link_inside_the_page_leads_somewhere_and_the_file_is_linked_relatively(html: str) -> None:
    page = read_page(html)
    anchors = {element.attributes["id"] for element in page.all() if "id" in element.attributes}
    links = [element.attributes["href"] for element in page.all("a")]
    assert {link[1:] for link in links if link.startswith("#")} <= anchors
    assert "../../results/audit-1/audit.json" in links
    assert not any("://" in link for link in links)


def test_the_same_ledger_gives_the_same_bytes(html: str) -> None:
    assert render_audit(LEDGER, "audit-1", "../../results/audit-1/audit.json") == html


def test_an_audit_without_faults_has_passed() -> None:
    passed = msgspec.structs.replace(LEDGER, claims=LEDGER.claims[1:], notes=(), not_applicable=())
    document = build_audit(passed, "audit-1", "audit.json")
    assert (document.state, document.word, document.sentence) == ("pass", "Passed", "1 claim of 1 proven.")
