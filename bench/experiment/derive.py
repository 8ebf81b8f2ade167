"""From raw files to measurements, findings, verdict and report: the end of `bench run`, and all of `bench analyse`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from bench.analysis.analyse import analyse
from bench.analysis.gate.standing import Compared
from bench.analysis.tuning.analyse import analyse_tuning
from bench.design.plan import treat
from bench.experiment.publish import has_page, publish
from bench.experiment.restore import restore
from bench.experiment.standing import compare_with_baseline
from bench.report.material import Material
from bench.report.patch_files import render_patches
from bench.report.sections.files import RawFile
from bench.store.audits import find_audit
from bench.store.baselines import find_baseline
from bench.store.runs import open_run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bench.analysis.analyse import Analysis
    from bench.analysis.gate.standing import Standing
    from bench.experiment.progress import Progress
    from bench.model.scenario import Scenario
    from bench.store.reader import RunReader

RAW_FILES = {
    "run.json": "what holds for the whole run: versions, schema, settings, seed",
    "scenario.toml": "the scenario, verbatim",
    "plan.json": "all trials in the order they ran",
    "host.json": "the machine",
    "explained.json": "plans from other sides: owner, foreign tenant, values unknown",
    "measurements.json": "every measurement with its interval",
    "measurements.parquet": "the same, one row per metric",
    "findings.json": "findings with evidence and patches",
    "verdict.json": "budget lines",
    "tuning.json": "what was tried, and why",
    "migration.sql": "indexes and statistics that are proven, with the way back",
    "pgbouncer.ini": "settings of the pooler that are proven",
    "postgresql.conf": "settings of the server that are proven",
    "pool_asyncpg.py": "the advised pool as code for asyncpg",
    "pool_psycopg.py": "the advised pool as code for psycopg",
    "trials": "samples, histograms, facts and plans of each trial",
}


@dataclass(frozen=True, slots=True)
class Derived:
    """What a finished analysis leaves."""

    run_id: str
    path: Path
    report: Path
    analysis: Analysis
    standing: Standing | None = None
    """Against the baseline of the scenario; None of a tuning, which compares with its own start."""


def derive(
    run: Path | str, results_root: Path, reports_root: Path, progress: Progress, baseline: str | None = None
) -> Derived:
    """Analyse a stored run again, replace its derived files and render its report; raises ``StoreError``.

    The report begins with what changed against ``baseline``, else against the one set last for the scenario. Raises
    ``ScenarioError`` where there is no baseline of that name.
    """
    if baseline is not None:
        find_baseline(baseline, results_root)
    reader = open_run(run, results_root)
    progress.note("analysing")
    ran = restore(reader)
    stored = (
        (each.trial, each.facts, each.samples(), each.plans()) for each in reader.trials() if each.failure is None
    )
    beside = reader.explained.plans
    if ran.plan.design == "tune":
        start = treat(ran.raw, {}, ran.source)
        analysis = analyse_tuning(
            reader.facts, ran.plan, start, ran.treated, stored, reader.tuning, beside, host=reader.host
        )
    else:
        analysis = analyse(reader.facts, ran.plan, ran.scenario, ran.treated, stored, beside, host=reader.host)
    reader.write_derived(analysis.measurements, analysis.findings, analysis.verdict)
    if analysis.tuning is not None:
        advised = treat(ran.raw, analysis.tuning.change.scenario, ran.source)
        reader.write_patch_files(render_patches(analysis.tuning, advised))
    standing = compare_with_baseline(reader, ran, analysis, results_root, baseline, progress)
    progress.note("rendering the report")
    page = _render(reader, ran.scenario, analysis, standing, results_root, reports_root)
    return Derived(reader.run_id, reader.path, page, analysis, standing)


def _files(reader: RunReader, folder: Path) -> Iterator[RawFile]:
    for name, holds in RAW_FILES.items():
        path = reader.path / name
        if path.exists():
            yield RawFile(os.path.relpath(path, folder), holds)


def _render(
    reader: RunReader,
    scenario: Scenario,
    analysis: Analysis,
    standing: Standing | None,
    results_root: Path,
    reports_root: Path,
) -> Path:
    folder = reports_root / reader.run_id
    schema = reader.facts.schema_hash
    audit, audit_doubts = find_audit(results_root, schema) if schema else (None, ())
    material = Material(
        run=reader.facts,
        measurements=analysis.measurements,
        findings=analysis.findings,
        verdict=analysis.verdict,
        answer=analysis.answer,
        standing=standing,
        baseline_page=_page_of_baseline(standing, reports_root),
        scenario=scenario,
        scenario_text=reader.scenario_text,
        plan=reader.plan,
        host=reader.host,
        trials=analysis.summaries,
        plans=analysis.plans,
        indexes=reader.explained.indexes,
        partitions=reader.explained.partitions,
        audit=audit,
        audit_doubts=audit_doubts,
        tuning=analysis.tuning,
        files=tuple(_files(reader, folder.resolve())),
    )
    return publish(material, reports_root)


def _page_of_baseline(standing: Standing | None, reports_root: Path) -> str:
    """Return the address of the baseline's report beside this one, where there is one."""
    if not isinstance(standing, Compared) or not has_page(reports_root, standing.baseline_id):
        return ""
    return f"../{quote(standing.baseline_id)}/index.html"
