"""`bench run`: environment, trials, plans, then analysis and report."""

from __future__ import annotations

import contextlib
import shlex
import subprocess
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from bench import __version__
from bench.analysis.wording import count
from bench.design.plan import trial_seconds
from bench.environment import inventory, migrations
from bench.environment.descriptors import own_limit
from bench.environment.host import describe_host
from bench.environment.populations import read_populations
from bench.experiment.adaptive import AdaptiveCourse
from bench.experiment.capacity import RateCourse
from bench.experiment.clock import WallClock
from bench.experiment.course import GridCourse
from bench.experiment.derive import derive
from bench.experiment.disturb import check_disturbances
from bench.experiment.plans import count_scans, take_plans
from bench.experiment.preflight import check_connections, check_counters, check_descriptors
from bench.experiment.recovery import Unreachable, await_target, second_try, with_note
from bench.experiment.resume import reopen
from bench.experiment.swarm import open_swarm
from bench.experiment.target import open_target
from bench.experiment.trial import run_trial
from bench.load.drivers import DRIVERS, find_driver
from bench.model.errors import ScenarioError, SetupError, StoreError
from bench.model.facts import Caveat, RunFacts
from bench.store import runs

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from bench.design.parameters import Populations
    from bench.design.plan import Trial
    from bench.environment.attached import Attachment
    from bench.environment.embedded import Environment, Where
    from bench.experiment.course import Course
    from bench.experiment.derive import Derived
    from bench.experiment.progress import Progress
    from bench.experiment.scenario_file import Planned
    from bench.experiment.target import Target
    from bench.experiment.trial import TrialRecord
    from bench.load.swarm.hive import Swarm, SwarmSpec
    from bench.model.facts import PlanFact
    from bench.model.scenario import Scenario
    from bench.store.writer import RunWriter

QUICK_CAVEAT = Caveat(
    code="quick",
    text="a quick run: short windows and few replicates, so small differences cannot be told from noise",
    cure="Run without `--quick` before you decide anything by it.",
)


@dataclass(frozen=True, slots=True)
class Request:
    """What the command line asks for."""

    planned: Planned
    where: Where | Attachment | Environment
    results_root: Path
    reports_root: Path
    command: tuple[str, ...]
    resumes: str | None = None
    """The unfinished run to take up; ``planned`` is then its own."""
    resume_command: tuple[str, ...] = ("bench", "run")
    """What to type to take this run up again, but for ``--resume`` and its id."""
    swarm: SwarmSpec | None = None
    """Master and workers for the driver ``locust``; without it, workers of this machine alone."""


def run(request: Request, progress: Progress) -> Derived:
    """Run all trials and derive measurements, findings, verdict and report; finished trials survive any failure."""
    planned = request.planned
    course = _choose_course(planned, progress)
    clock = WallClock()
    with open_target(request.where, planned.scenario.dataset, course.may_run(), progress) as opened:
        opened.check_poolers(course.may_run())
        check_counters(opened)
        check_disturbances(opened.environment, course.may_run())
        check_connections(course.may_run(), opened.usable_connections())
        doubts = check_descriptors(tuple(course.may_run()), own_limit(), opened.pooler_limits())
        target = replace(opened, caveats=(*opened.caveats, *doubts))
        populations = read_populations(target.direct, planned.scenario.operation)
        with open_writer(request, describe_run(request, target, course.may_run())) as writer:
            try:
                course.recall(runs.RunReader(writer.path))
                taken = take_plans(target, planned.scenario, populations, writer)
                with open_swarm(request.swarm, course.may_run(), target, progress) as swarm:
                    load = _Load(target, populations, swarm)
                    _run_trials(load, course, taken.load, writer, progress)
                count_scans(target, taken, writer)
                writer.record(_doubted(writer.facts, *course.doubts(), *clock.doubts()))
                folder = writer.finish()
            except BaseException as error:
                with contextlib.suppress(StoreError):  # a full disk must not hide why the run stopped
                    writer.record(_doubted(writer.facts, *clock.doubts()))
                    writer.stop("interrupted" if isinstance(error, KeyboardInterrupt) else "failed")
                again = shlex.join((*request.resume_command, "--resume", writer.run_id))
                kept = f"{len(writer.finished)} of {count(len(writer.plan.trials), 'trial')}"
                progress.note(f"kept {kept} in {writer.path}; go on with: {again}")
                raise
    return derive(folder, request.results_root, request.reports_root, progress)


def _choose_course(planned: Planned, progress: Progress) -> Course:
    match planned.plan.design:
        case "grid":
            return GridCourse(planned)
        case "adaptive":
            return AdaptiveCourse(planned)
        case "capacity":
            return RateCourse(planned, progress)
        case "tune":
            raise ScenarioError(
                "a tuning cannot be taken up: its pairs are neighbours in time",
                remedy="Start it again with `bench tune`; `bench analyse` reads the trials that are kept.",
            )


def open_writer(request: Request, facts: RunFacts) -> RunWriter:
    """Begin the run's folder, or take up the one that the request names."""
    if request.resumes is not None:
        return reopen(request.resumes, request.results_root, facts)
    planned = request.planned
    return runs.create(request.results_root, facts, planned.text, planned.plan, describe_host())


def describe_run(request: Request, target: Target, scenarios: Iterable[Scenario]) -> RunFacts:
    """Return what holds for the whole run, which has no id yet; ``scenarios`` are those that may run."""
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
        versions={**target.versions, **_driver_versions(scenarios)},
        alembic_head=with_schema.alembic_head,
        schema_hash=migrations.schema_hash() if target.environment else None,
        row_counts=with_schema.row_counts,
        dataset={"scale": dataset.scale, "seed": float(dataset.seed)},
        settings=with_schema.settings,
        seed=planned.scenario.run.seed,
        overrides=planned.overrides,
        caveats=(*target.caveats, *with_schema.caveats, *([QUICK_CAVEAT] if planned.quick else [])),
    )


def _driver_versions(scenarios: Iterable[Scenario]) -> dict[str, str]:
    """Return the versions of the libraries that will be used; programs tell theirs when they run."""
    names = {scenario.pool.driver for scenario in scenarios} & DRIVERS.keys()
    return {library: version for name in sorted(names) for library, version in find_driver(name).versions().items()}


def _commit() -> str:
    """Return the commit of the folder we stand in, or ``0000000`` where there is none."""
    try:
        done = subprocess.run(
            ["git", "rev-parse", "--short=7", "HEAD"], capture_output=True, text=True, check=True, timeout=10
        )
    except (OSError, subprocess.SubprocessError):
        return "0000000"
    return done.stdout.strip()


@dataclass(frozen=True, slots=True)
class _Load:
    """What every trial needs."""

    target: Target
    populations: Populations
    swarm: Swarm | None


def _run_trials(load: _Load, course: Course, plans: list[PlanFact], writer: RunWriter, progress: Progress) -> None:
    """Run what is pending and what the course adds; a trial that cannot run is recorded and the others go on."""
    failures: list[SetupError] = []
    batch = writer.pending() or _grow(load, course, writer)
    growing = not isinstance(course, GridCourse)
    while batch:
        seconds = sum(trial_seconds(course.scenario(trial)) for trial in batch)
        progress.planned(msgspec.structs.replace(writer.plan, trials=batch, estimated_s=seconds), growing=growing)
        for trial in batch:
            scenario = course.scenario(trial)
            try:
                record = _try_trial(load, scenario, trial, writer, progress)
            except Unreachable:
                raise
            except SetupError as error:
                writer.fail_trial(trial, str(error))
                course.miss(trial)
                progress.trial_failed(trial, error.problem)
                failures.append(error)
                continue
            writer.add_trial(trial, record.facts, record.samples, plans, scenario.load)
            record_versions(writer, record.versions)
            course.observe(trial, record.facts, record.samples)
            progress.trial_finished(trial, record.throughput)
        batch = _grow(load, course, writer)
    if failures and not writer.finished:
        raise SetupError(
            "no trial could run", evidence=f"{failures[0].problem}: {failures[0].evidence}", remedy=failures[0].remedy
        )
    if failures:
        writer.record(_doubted(writer.facts, _incomplete(len(failures), len(writer.plan.trials), failures[0])))


def _try_trial(load: _Load, scenario: Scenario, trial: Trial, writer: RunWriter, progress: Progress) -> TrialRecord:
    """Run a trial, a second time where it could not run; raises ``Unreachable`` where the target is gone for good."""
    try:
        return run_trial(load.target, scenario, trial, load.populations, load.swarm)
    except SetupError as error:
        progress.note(f"{trial.id} could not run: {error.problem}")
        try:
            waited_s = await_target(load.target, scenario, progress)
        except Unreachable:
            writer.fail_trial(trial, str(error))
            raise
        record = run_trial(load.target, scenario, trial, load.populations, load.swarm)
        return with_note(record, second_try(error, waited_s))


def _grow(load: _Load, course: Course, writer: RunWriter) -> tuple[Trial, ...]:
    """Return the trials of the next round, which are in ``plan.json`` before the first of them runs."""
    grown = course.grow(writer.plan)
    if grown is None:
        return ()
    new = grown.trials[len(writer.plan.trials) :]
    guard = load.target.guard
    excess = None if guard is None else next(filter(None, (guard.excess(course.scenario(one)) for one in new)), None)
    if excess is not None:
        writer.record(_doubted(writer.facts, _limited(excess)))
        return ()
    writer.extend_plan(grown)
    return new


def _doubted(facts: RunFacts, *doubts: Caveat) -> RunFacts:
    return msgspec.structs.replace(facts, caveats=(*facts.caveats, *doubts))


def _incomplete(failed: int, planned: int, first: SetupError) -> Caveat:
    return Caveat(
        code="trials-failed",
        text=f"{failed} of {planned} trials could not run, tried twice each; the first: {first.problem}",
        cure="Read `failure.txt` in their folders, mend the cause and run again.",
    )


def _limited(excess: str) -> Caveat:
    return Caveat(
        code="limited",
        text=f"the search ended early, at the limits of somebody else's database: {excess}",
        cure="Allow more with `--limit`, or measure a copy.",
    )


def record_versions(writer: RunWriter, versions: dict[str, str]) -> None:
    """Note versions that only a trial tells."""
    if not versions.items() <= writer.facts.versions.items():
        writer.record(msgspec.structs.replace(writer.facts, versions={**writer.facts.versions, **versions}))
