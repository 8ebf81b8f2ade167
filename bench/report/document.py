"""The view model: exactly what the templates print, worked out before anything is drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.analysis.index_use import tabulate_indexes
from bench.analysis.partition_use import tabulate_partitions
from bench.report.numbers import span
from bench.report.sections.advice import advise, draw_costs
from bench.report.sections.banner import announce
from bench.report.sections.budgets import lay_out_budgets, standings, strictest_limits
from bench.report.sections.caveats import gather
from bench.report.sections.changes import lay_out_standing
from bench.report.sections.distributions import draw_distributions
from bench.report.sections.environment import describe_environment, elapsed_s, instant
from bench.report.sections.findings import recommend
from bench.report.sections.indexes import lay_out_indexes
from bench.report.sections.measurements import tabulate
from bench.report.sections.memory import draw_memory
from bench.report.sections.method import explain_method
from bench.report.sections.plans import lay_out_plans
from bench.report.sections.schema import lay_out_schema
from bench.report.sections.splits import draw_splits
from bench.report.sections.sweep import Sweep, all_operations
from bench.report.sections.sweep_gallery import draw_sweep
from bench.report.sections.timelines import draw_timelines
from bench.report.sections.tuning import draw_tuning
from bench.report.words import shorten, varied_keys

if TYPE_CHECKING:
    from bench.model.facts import RunFacts
    from bench.report.material import Material
    from bench.report.sections.banner import Banner
    from bench.report.sections.budgets import BudgetSection
    from bench.report.sections.caveats import Doubt
    from bench.report.sections.changes import ChangeSection
    from bench.report.sections.environment import Environment
    from bench.report.sections.figure import Gallery
    from bench.report.sections.files import RawFile
    from bench.report.sections.findings import Recommendation
    from bench.report.sections.indexes import IndexSection
    from bench.report.sections.measurements import MeasurementTables
    from bench.report.sections.plans import PlanSection
    from bench.report.sections.schema import SchemaSection


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the contents list; ``number`` counts what stands there, where that says something."""

    anchor: str
    title: str
    number: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One report, section by section in the order of the page."""

    run_id: str
    title: str
    subtitle: str
    generator: str
    contents: tuple[Entry, ...]
    banner: Banner
    changes: ChangeSection | None
    budgets: BudgetSection
    recommendations: tuple[Recommendation, ...]
    doubts: tuple[Doubt, ...]
    galleries: tuple[Gallery, ...]
    measurements: MeasurementTables
    plans: PlanSection
    plans_absent: str
    indexes: IndexSection | None
    schema: SchemaSection | None
    environment: Environment
    method: tuple[tuple[str, str], ...]
    files: tuple[RawFile, ...]


def build_document(material: Material) -> Document:
    """Work out what a report says; nothing is drawn, read or written."""
    run, advice = material.run, advise(material.answer)
    measurements = tuple(material.measurements)
    varied = varied_keys([one.treatment for one in measurements])
    chosen = advice.treatment
    sweep = Sweep(
        all_operations(measurements), advice.treatments, strictest_limits(material.verdict), standings(material.verdict)
    )
    recommendations = recommend(material.findings)
    doubts = gather(run, measurements, varied)
    tuned = draw_tuning(material.tuning, material.trials, material.scenario)
    galleries = (
        *(() if tuned is None else (tuned,)),
        draw_sweep(sweep, draw_costs(material.answer)),
        draw_distributions(material.trials, chosen, varied),
        draw_splits(sweep.measurements, chosen, varied),
        draw_timelines(material.trials, chosen, varied),
        draw_memory(material.trials, chosen, varied),
    )
    plans = lay_out_plans(material.plans, material.scenario)
    indexes = lay_out_indexes(tabulate_indexes(material.indexes, material.plans))
    schema = lay_out_schema(
        run, material.audit, material.audit_doubts, tabulate_partitions(material.partitions, material.plans)
    )
    changes = lay_out_standing(material.standing, run.run_id, material.baseline_page) if material.standing else None
    contents = (
        Entry("verdict", "Verdict"),
        *([Entry("changes", "Changes", changes.number)] if changes and changes.title else []),
        Entry("budgets", "Budgets"),
        Entry("recommendations", "Recommendations", len(recommendations)),
        Entry("doubts", "Doubts", len(doubts)),
        *(Entry(gallery.anchor, gallery.title) for gallery in galleries),
        Entry("measurements", "Measurements"),
        Entry("plans", "Query plans", plans.number),
        *([Entry("indexes", "Indexes", len(indexes.table.rows))] if indexes else []),
        *([Entry("schema", "Schema and partitions")] if schema else []),
        Entry("environment", "Environment"),
        Entry("method", "Method"),
        Entry("files", "Raw files"),
    )
    return Document(
        run_id=shorten(run.run_id, 100),
        title=shorten(run.scenario, 80),
        subtitle=_subtitle(run),
        generator=f"poolbench {run.bench_version}",
        contents=contents,
        banner=announce(run, material.plan, material.verdict, advice, measurements, varied),
        changes=changes,
        budgets=lay_out_budgets(material.verdict, varied),
        recommendations=recommendations,
        doubts=doubts,
        galleries=galleries,
        measurements=tabulate(measurements, varied),
        plans=plans,
        plans_absent="No plan was recorded.",
        indexes=indexes,
        schema=schema,
        environment=describe_environment(run, material.host, material.scenario, material.scenario_text, material.plan),
        method=explain_method(material.scenario, measurements),
        files=tuple(material.files),
    )


def _subtitle(run: RunFacts) -> str:
    parts = [f"Run {shorten(run.run_id, 100)}", f"started {shorten(instant(run.started_utc), 40)}"]
    seconds = elapsed_s(run)
    if seconds is not None and seconds >= 0:
        parts.append(f"took {span(seconds)}")
    return ", ".join(parts)
