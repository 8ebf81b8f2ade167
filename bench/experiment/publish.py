"""Writes a report, and the index of all reports beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from bench.model.errors import StoreError
from bench.report.document import build_document
from bench.report.html import render_report
from bench.report.index import IndexedRun, indexed, render_index
from bench.store.disk import make_folder, replace_file, writing

if TYPE_CHECKING:
    from pathlib import Path

    from bench.report.material import Material

ENTRY = "entry.json"
"""What the index shows of a report, kept beside it, so that the index needs no other run's raw data."""


def publish(material: Material, reports_root: Path) -> Path:
    """Write ``<run-id>/index.html`` and ``index.html``; returns the former. Raises ``StoreError``."""
    run = material.run
    folder = reports_root / run.run_id
    with writing(folder):
        reports_root.mkdir(parents=True, exist_ok=True)
        if not folder.is_dir():
            make_folder(folder)
    document = build_document(material)
    page = folder / "index.html"
    replace_file(page, render_report(document).encode())
    replace_file(folder / ENTRY, msgspec.json.encode(indexed(document, folder.name, run.started_utc)))
    entries = [_read(path) for path in reports_root.glob(f"*/{ENTRY}")]
    newest_first = sorted(entries, key=lambda entry: (entry.started_utc, entry.run_id), reverse=True)
    replace_file(reports_root / "index.html", render_index(newest_first).encode())
    return page


def _read(path: Path) -> IndexedRun:
    try:
        return msgspec.json.decode(path.read_bytes(), type=IndexedRun)
    except (OSError, msgspec.DecodeError) as error:
        raise StoreError(
            f"{path} cannot be read: {error}", remedy="Remove its folder and render the run again: `bench report RUN`."
        ) from None
