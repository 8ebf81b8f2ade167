"""Writes a report, and the index of all reports beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote

import msgspec

from bench.model.errors import StoreError
from bench.report.comparison_page import render_comparison
from bench.report.document import build_document
from bench.report.html import render_report
from bench.report.index import COMPARISONS, TRENDS, IndexedComparison, IndexedRun, indexed, render_index
from bench.store.disk import make_folder, replace_file, writing

if TYPE_CHECKING:
    from pathlib import Path

    from bench.report.gate import GateDocument
    from bench.report.material import Material

Line = TypeVar("Line", IndexedRun, IndexedComparison)
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
    publish_index(reports_root)
    return page


def publish_comparison(document: GateDocument, baseline: str, candidate: str, reports_root: Path) -> Path:
    """Write ``compare/<baseline>/<candidate>/index.html`` and ``index.html``; returns the former."""
    folder = reports_root / COMPARISONS / baseline / candidate
    with writing(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        if not folder.is_dir():
            make_folder(folder)
    page = folder / "index.html"
    links = {run: f"../../../{quote(run)}/index.html" for run in (baseline, candidate) if has_page(reports_root, run)}
    replace_file(page, render_comparison(document, baseline, candidate, links).encode())
    entry = IndexedComparison(baseline, candidate, document.verdict, document.sentence)
    replace_file(folder / ENTRY, msgspec.json.encode(entry))
    publish_index(reports_root)
    return page


def has_page(reports_root: Path, run: str) -> bool:
    """Tell whether a run has a report."""
    return (reports_root / run / "index.html").is_file()


def publish_index(reports_root: Path) -> None:
    """Write ``index.html`` again: all reports, all comparisons, and the way to the trends. Raises ``StoreError``."""
    runs = [_read(path, IndexedRun, "bench report RUN") for path in reports_root.glob(f"*/{ENTRY}")]
    compared = [
        _read(path, IndexedComparison, "bench compare BASELINE CANDIDATE")
        for path in reports_root.glob(f"{COMPARISONS}/*/*/{ENTRY}")
    ]
    replace_file(
        reports_root / "index.html",
        render_index(runs, compared, _trends(reports_root)).encode(),
    )


def _trends(reports_root: Path) -> list[str]:
    """Return the names of the pages of trends: an empty one for all runs, and those of scenarios."""
    found = sorted((reports_root / TRENDS).glob("*/index.html"))
    whole = [""] if (reports_root / TRENDS / "index.html").is_file() else []
    return [*whole, *(path.parent.name for path in found)]


def _read(path: Path, kind: type[Line], command: str) -> Line:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.DecodeError) as error:
        raise StoreError(
            f"{path} cannot be read: {error}", remedy=f"Remove its folder and render it again: `{command}`."
        ) from None
