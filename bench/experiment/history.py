"""`bench history`: what stored runs measured, in order of time."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.analysis.gate.metrics import check_metrics
from bench.analysis.history import Record, trace
from bench.experiment.publish import publish_index
from bench.experiment.sides import identify
from bench.model.errors import BenchError, ScenarioError
from bench.report.history_page import render_history
from bench.report.index import TRENDS
from bench.report.words import slug
from bench.store.disk import make_folder, replace_file, writing
from bench.store.runs import list_runs, open_run

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bench.analysis.history import Series
    from bench.store.runs import RunEntry

METRICS = ("throughput", "response_time.p50", "response_time.p95", "buffers")


@dataclass(frozen=True, slots=True)
class History:
    """The series, the page that shows them, and what could not be read."""

    series: tuple[Series, ...]
    runs: int
    notes: tuple[str, ...]
    page: Path


def read_history(
    scenario: str | None, results_root: Path, reports_root: Path, metrics: Sequence[str], least: float
) -> History:
    """Read all finished runs of a scenario (of all, if None) and render their page; the index leads to it.

    All runs and each scenario have a page of their own.

    Raises ``ScenarioError`` where there are none; a run that cannot be read is named and left out.
    """
    check_metrics(metrics)
    records: list[Record] = []
    notes: list[str] = []
    for entry in list_runs(results_root):
        if entry.facts is None:
            notes.append(f"{entry.path.name} cannot be read: {entry.problem.problem if entry.problem else ''}")
        elif entry.finished and not entry.facts.reported and scenario in (None, entry.facts.scenario):
            try:
                records.append(_record(entry, results_root))
            except BenchError as error:
                notes.append(f"{entry.path.name} is left out: {error.problem}")
    if not records:
        raise _nothing(scenario, results_root, notes)
    series = trace(records, tuple(metrics) or METRICS, least)
    # A scenario's trends never take the place of those over all runs.
    page = reports_root / TRENDS / (slug(scenario) if scenario else "") / "index.html"
    with writing(page):
        reports_root.mkdir(parents=True, exist_ok=True)
        for folder in (reports_root / TRENDS, page.parent):
            if not folder.is_dir():
                make_folder(folder)
    replace_file(page, render_history(series, len(records), notes).encode())
    publish_index(reports_root)
    return History(series, len(records), tuple(notes), page)


def _record(entry: RunEntry, results_root: Path) -> Record:
    reader = open_run(entry.path, results_root)
    facts = reader.facts
    return Record(
        run_id=facts.run_id,
        started_utc=facts.started_utc,
        commit=facts.commit,
        versions=facts.versions,
        identity=identify(reader),
        measurements=reader.measurements(),
    )


def _nothing(scenario: str | None, results_root: Path, notes: Sequence[str]) -> ScenarioError:
    known = sorted({entry.facts.scenario for entry in list_runs(results_root) if entry.facts and entry.finished})
    near = difflib.get_close_matches(scenario or "", known, n=1)
    hint = f"Did you mean `{near[0]}`? " if near else ""
    return ScenarioError(
        f"no finished run{f' of {scenario}' if scenario else ''} in {results_root}",
        evidence="; ".join(notes) or f"scenarios there: {', '.join(known) or 'none'}",
        remedy=f"{hint}Measure with `bench run` first.",
    )
