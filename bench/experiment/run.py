"""`bench run`: environment, trials, plans, then analysis and report."""

from __future__ import annotations

import contextlib
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from bench import __version__
from bench.design.parameters import draw
from bench.environment import inventory, migrations
from bench.environment.host import describe_host
from bench.environment.plans import explain
from bench.environment.populations import read_populations
from bench.experiment.derive import derive
from bench.experiment.preflight import check_connections
from bench.experiment.target import open_target
from bench.experiment.trial import run_trial
from bench.model.errors import SetupError, StoreError
from bench.model.facts import Caveat, RunFacts
from bench.store import runs

if TYPE_CHECKING:
    from pathlib import Path

    from bench.design.parameters import Populations
    from bench.environment.attached import Attachment
    from bench.environment.embedded import Where
    from bench.experiment.derive import Derived
    from bench.experiment.progress import Progress
    from bench.experiment.scenario_file import Planned
    from bench.experiment.target import Target
    from bench.model.facts import PlanFact
    from bench.store.writer import RunWriter

PLANS_PER_OPERATION = 3
"""Argument sets explained for each read operation."""

QUICK_CAVEAT = Caveat(
    code="quick",
    text="a quick run: short windows and few replicates, so small differences cannot be told from noise",
    cure="Run without `--quick` before you decide anything by it.",
)


@dataclass(frozen=True, slots=True)
class Request:
    """What the command line asks for."""

    planned: Planned
    where: Where | Attachment
    results_root: Path
    reports_root: Path
    command: tuple[str, ...]


def run(request: Request, progress: Progress) -> Derived:
    """Run all trials and derive measurements, findings, verdict and report; finished trials survive any failure."""
    planned = request.planned
    with open_target(request.where, planned.scenario.dataset, progress) as target:
        check_connections(planned.treated.values(), target.usable_connections())
        populations = read_populations(target.direct, planned.scenario.operation)
        host = describe_host()
        writer = runs.create(request.results_root, _facts(request, target), planned.text, planned.plan, host)
        try:
            plans = _explain_reads(target, planned, populations)
            versions = _run_trials(target, planned, populations, plans, writer, progress)
            facts = msgspec.structs.replace(writer.facts, versions={**writer.facts.versions, **versions})
            writer.record(facts)
            folder = writer.finish()
        except BaseException as error:
            with contextlib.suppress(StoreError):  # a full disk must not hide why the run stopped
                writer.stop("interrupted" if isinstance(error, KeyboardInterrupt) else "failed")
            progress.note(f"kept what was finished in {writer.path}")
            raise
    return derive(folder, request.results_root, request.reports_root, progress)


def _facts(request: Request, target: Target) -> RunFacts:
    planned = request.planned
    dataset = planned.scenario.dataset
    with_schema = inventory.read_inventory(target.admin)
    return RunFacts(
        run_id="",
        scenario=planned.scenario.name,
        status="running",
        started_utc=datetime.now(UTC).isoformat(timespec="milliseconds"),
        finished_utc=None,
        commit=_commit(),
        bench_version=__version__,
        quick=planned.quick,
        command=request.command,
        versions=target.versions,
        alembic_head=with_schema.alembic_head,
        schema_hash=migrations.schema_hash() if target.environment else None,
        row_counts=with_schema.row_counts,
        dataset={"scale": dataset.scale, "seed": float(dataset.seed)},
        settings=with_schema.settings,
        seed=planned.scenario.run.seed,
        overrides=planned.overrides,
        caveats=(*target.caveats, *([QUICK_CAVEAT] if planned.quick else [])),
    )


def _commit() -> str:
    """Return the commit of the folder we stand in, or ``0000000`` where there is none."""
    try:
        done = subprocess.run(
            ["git", "rev-parse", "--short=7", "HEAD"], capture_output=True, text=True, check=True, timeout=10
        )
    except (OSError, subprocess.SubprocessError):
        return "0000000"
    return done.stdout.strip()


def _explain_reads(target: Target, planned: Planned, populations: Populations) -> list[PlanFact]:
    """Explain every single-statement read as the load's role, with arguments from the scenario's own distribution."""
    generator = np.random.default_rng(planned.scenario.run.seed)
    facts: list[PlanFact] = []
    for operation in planned.scenario.operation:
        if operation.is_read:
            arguments = draw(operation.parameters, populations, PLANS_PER_OPERATION, generator)
            facts += explain(target.direct, operation, arguments)
    return facts


def _run_trials(
    target: Target,
    planned: Planned,
    populations: Populations,
    plans: list[PlanFact],
    writer: RunWriter,
    progress: Progress,
) -> dict[str, str]:
    """Run what is pending; a trial that cannot run is recorded and the others go on. Returns library versions."""
    progress.planned(planned.plan)
    versions: dict[str, str] = {}
    failures: list[SetupError] = []
    for trial in writer.pending():
        scenario = planned.treated[trial.id]
        try:
            record = run_trial(target, scenario, trial, populations)
        except SetupError as error:
            writer.fail_trial(trial, str(error))
            progress.trial_failed(trial, error.problem)
            failures.append(error)
            continue
        writer.add_trial(trial, record.facts, record.samples, plans, scenario.load)
        versions |= record.versions
        progress.trial_finished(trial, record.throughput)
    if failures and len(failures) == len(planned.plan.trials):
        raise SetupError(
            "no trial could run", evidence=f"{failures[0].problem}: {failures[0].evidence}", remedy=failures[0].remedy
        )
    return versions
