"""An audit is stored whole, in a folder of its own, and never over another."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from bench.model.errors import StoreError
from bench.store.audits import find_audit, name_audit, write_audit
from bench.store.runs import list_runs

if TYPE_CHECKING:
    from pathlib import Path

STARTED = "2025-01-02T05:04:05+02:00"


def test_an_audit_is_named_by_its_utc_start(tmp_path: Path) -> None:
    assert name_audit(tmp_path, STARTED) == "audit-20250102T030405Z"


def test_a_second_audit_in_the_same_second_gets_a_number(tmp_path: Path) -> None:
    for expected in ("audit-20250102T030405Z", "audit-20250102T030405Z-2", "audit-20250102T030405Z-3"):
        name = name_audit(tmp_path, STARTED)
        assert name == expected
        write_audit(tmp_path, name, {"claims": []})


def test_the_document_begins_with_format_and_kind(tmp_path: Path) -> None:
    folder = write_audit(tmp_path / "new", "audit-1", {"verdict": "pass", "claims": [{"id": "S01"}]})
    assert json.loads((folder / "audit.json").read_text()) == {
        "format": 1, "kind": "audit", "verdict": "pass", "claims": [{"id": "S01"}],
    }  # fmt: skip
    assert [path.name for path in folder.parent.iterdir()] == ["audit-1"]


def test_an_audit_is_never_written_over(tmp_path: Path) -> None:
    write_audit(tmp_path, "audit-1", {"claims": [1]})
    with pytest.raises(StoreError):
        write_audit(tmp_path, "audit-1", {"claims": [2]})
    assert json.loads((tmp_path / "audit-1" / "audit.json").read_text())["claims"] == [1]


def _store(root: Path, name: str, schema: str, claims: int, started: str) -> None:
    lines = [{"id": f"S{n:02d}", "claim": "it holds", "verdict": "pass", "summary": "seen"} for n in range(claims)]
    subject = {"environment": "schema", "server": "PostgreSQL 18.6", "schema": schema}
    write_audit(root, name, {"run_id": name, "subject": subject, "started_utc": started, "claims": lines})


def test_the_fullest_audit_of_a_schema_is_found_and_the_newest_of_several(tmp_path: Path) -> None:
    _store(tmp_path, "audit-1", "mine", 22, "2025-01-01T00:00:00+00:00")
    _store(tmp_path, "audit-2", "mine", 22, "2025-01-02T00:00:00+00:00")
    _store(tmp_path, "audit-3", "mine", 1, "2025-01-03T00:00:00+00:00")
    _store(tmp_path, "audit-4", "other", 23, "2025-01-04T00:00:00+00:00")
    found, unreadable = find_audit(tmp_path, "mine")
    assert found is not None
    assert (found.run_id, len(found.claims), unreadable) == ("audit-2", 22, ())
    assert find_audit(tmp_path, "nobody's") == (None, ())
    assert find_audit(tmp_path / "none", "mine") == (None, ())


def test_an_audit_that_cannot_be_read_is_named_and_the_others_count(tmp_path: Path) -> None:
    _store(tmp_path, "audit-1", "mine", 22, "2025-01-01T00:00:00+00:00")
    (tmp_path / "audit-2").mkdir()
    (tmp_path / "audit-2" / "audit.json").write_text("{")
    found, unreadable = find_audit(tmp_path, "mine")
    assert found is not None
    assert found.run_id == "audit-1"
    assert len(unreadable) == 1
    assert "audit-2/audit.json" in unreadable[0]


def test_an_audit_is_not_taken_for_a_run(tmp_path: Path) -> None:
    write_audit(tmp_path, "audit-1", {"claims": []})
    assert list_runs(tmp_path) == ()
