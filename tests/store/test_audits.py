"""An audit is stored whole, in a folder of its own, and never over another."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from bench.model.errors import StoreError
from bench.store.audits import name_audit, write_audit
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


def test_an_audit_is_not_taken_for_a_run(tmp_path: Path) -> None:
    write_audit(tmp_path, "audit-1", {"claims": []})
    assert list_runs(tmp_path) == ()
