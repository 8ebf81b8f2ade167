"""Audits in a results folder: ``audit-<UTC>/audit.json``, written once."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from bench.model.errors import StoreError
from bench.model.ledger import StoredAudit
from bench.store import codec
from bench.store.disk import FOLDER_MODE, place_folder, writing
from bench.store.layout import PARTIAL

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

AUDIT: Final = "audit.json"
FOLDERS: Final = "audit-*"


def name_audit(results_root: Path, started_utc: str) -> str:
    """Return the first free ``audit-<UTC>``, ``audit-<UTC>-2``, …."""
    stamp = datetime.fromisoformat(started_utc).astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    for suffix in itertools.chain([""], (f"-{number}" for number in itertools.count(2))):
        name = f"audit-{stamp}{suffix}"
        if not (results_root / name).exists() and not (results_root / (name + PARTIAL)).exists():
            return name
    raise AssertionError("numbers do not end")


def find_audit(results_root: Path, schema_hash: str) -> tuple[StoredAudit | None, tuple[str, ...]]:
    """Return the fullest stored audit of a schema, the newest of several, and why others could not be read."""
    found, unreadable = [], []
    for path in sorted(results_root.glob(f"{FOLDERS}/{AUDIT}")):
        try:
            found.append(codec.load(path, "audit", StoredAudit))
        except StoreError as error:
            unreadable.append(error.problem)
    same = [audit for audit in found if audit.subject.get("schema") == schema_hash]
    return max(same, key=lambda audit: (len(audit.claims), audit.started_utc), default=None), tuple(unreadable)


def write_audit(results_root: Path, run_id: str, document: Mapping[str, Any]) -> Path:
    """Write the document of an audit into a folder of its own and return the folder; raises ``StoreError``."""
    data = msgspec.json.encode({"format": codec.FORMATS["audit"], "kind": "audit", **document})
    with writing(results_root):
        results_root.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    folder = results_root / run_id
    half = results_root / (run_id + PARTIAL)
    place_folder(half, folder, {AUDIT: msgspec.json.format(data, indent=2) + b"\n"}, replace=False)
    return folder
