"""The environment of a run: what somebody needs to repeat it, and to doubt it."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from bench.analysis.wording import count
from bench.model.scenario import ClosedLoop, OpenLoop
from bench.report.numbers import quantity, span
from bench.report.words import level_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bench.design.plan import Plan
    from bench.model.facts import HostSummary, RunFacts
    from bench.model.scenario import Load, Scenario

Row = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Facts:
    """A titled list of names and values."""

    title: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Environment:
    """``command`` repeats the run; ``settings`` are those that differ from PostgreSQL's own defaults."""

    command: str
    facts: tuple[Facts, ...]
    row_counts: tuple[Row, ...]
    settings: tuple[Row, ...]
    scenario_text: str


def describe_environment(
    run: RunFacts, host: HostSummary | None, scenario: Scenario | None, scenario_text: str, plan: Plan | None
) -> Environment:
    """Lay out everything that is known; what is not known is left out rather than guessed."""
    groups = [
        Facts("Run", tuple(_run(run, plan))),
        Facts("Machine", tuple(_machine(host)) if host else ()),
        Facts("Software", tuple(run.versions.items())),
        Facts("Data", tuple(_data(run))),
        Facts("Pool and pooler", tuple(_pool(scenario)) if scenario else ()),
        Facts("Load", tuple(_load(scenario)) if scenario else ()),
    ]
    return Environment(
        command=shlex.join(run.command),
        facts=tuple(group for group in groups if group.rows),
        row_counts=tuple((table, f"{rows:,}") for table, rows in run.row_counts.items()),
        settings=tuple(sorted(run.settings.items())),
        scenario_text=scenario_text,
    )


def instant(utc: str) -> str:
    """Write an ISO instant for people, to the second; text that is none stays as it is."""
    try:
        return f"{datetime.fromisoformat(utc):%Y-%m-%d %H:%M:%S} UTC"
    except ValueError:
        return utc


def elapsed_s(run: RunFacts) -> float | None:
    """Return how long the run took, or None where it has not ended or its instants cannot be read."""
    if run.finished_utc is None:
        return None
    if run.worked_s is not None:  # the wall clock may have been set meanwhile
        return run.worked_s
    try:
        return (datetime.fromisoformat(run.finished_utc) - datetime.fromisoformat(run.started_utc)).total_seconds()
    except (TypeError, ValueError):
        return None


def _run(run: RunFacts, plan: Plan | None) -> Iterable[Row]:
    yield "Run", run.run_id
    yield "Status", run.status
    yield "Started", instant(run.started_utc)
    seconds = elapsed_s(run)
    if seconds is not None and seconds >= 0:
        yield "Took", span(seconds)
    if plan is not None:
        treatments, replicates = count(len(plan.treatments), "treatment"), count(plan.replicates, "replicate")
        yield "Plan", f"{treatments} with {replicates} each: {count(len(plan.trials), 'trial')}"
    yield "Seed", f"{run.seed}"
    yield "Commit", run.commit
    yield "poolbench", run.bench_version


def _machine(host: HostSummary) -> Iterable[Row]:
    yield "Processor", host.cpu_model
    yield "Cores", f"{host.cores}"
    yield "Memory", quantity(host.memory_bytes, "bytes")
    yield "Kernel", host.kernel
    yield "Python", host.python
    yield "Machine", host.machine
    yield from ((str(name).replace("_", " ").capitalize(), _detail(value)) for name, value in host.details.items())


def _detail(value: object) -> str:
    match value:
        case bool() | int() | float() | str():
            return level_text(value)
        case dict():
            return ", ".join(f"{key} {_detail(item)}" for key, item in value.items())
        case list() | tuple():
            return ", ".join(_detail(item) for item in value)
        case None:
            return "not known"
        case other:
            return str(other)


def _data(run: RunFacts) -> Iterable[Row]:
    if run.alembic_head:
        yield "Schema revision", run.alembic_head
    if run.schema_hash:
        yield "Schema hash", run.schema_hash
    yield from ((name.capitalize(), level_text(value)) for name, value in run.dataset.items())
    if run.row_counts:
        yield "Rows", f"{sum(run.row_counts.values()):,} in {count(len(run.row_counts), 'table')}"


def _pool(scenario: Scenario) -> Iterable[Row]:
    pool, pooler = scenario.pool, scenario.pooler
    yield "Driver", pool.driver
    yield "Pool size", _swept(scenario.sweep, "pool.size", pool.size)
    yield "Pre-warmed", level_text(pool.prewarm)
    yield "Reset on release", pool.reset
    yield "Statement cache", level_text(pool.statement_cache)
    yield "Load processes", level_text(pool.workers)
    yield "Autocommit", level_text(pool.autocommit)
    yield "Acquire timeout", str(pool.acquire_timeout) if pool.acquire_timeout is not None else "none"
    yield "Pooler", _swept(scenario.sweep, "pooler.kind", pooler.kind)
    if pooler.kind != "none":
        yield "Pooler mode", _swept(scenario.sweep, "pooler.mode", pooler.mode)
        size = "one server connection for each of the pool's" if pooler.size is None else pooler.size
        yield "Pooler size", _swept(scenario.sweep, "pooler.size", size)
        yield "Prepared statements tracked", level_text(pooler.max_prepared_statements)


def _load(scenario: Scenario) -> Iterable[Row]:
    yield "Model", load_model(scenario.load)
    for key, levels in scenario.sweep.items():
        yield f"Swept: {key}", ", ".join(level_text(level) for level in levels)
    run = scenario.run
    yield "Warm-up and window", f"{run.warmup} and {run.window}"
    yield "Order", "random blocks" if run.order == "random" else "as written"
    yield "Operations", ", ".join(operation.name for operation in scenario.operation)


def load_model(load: Load) -> str:
    """Say in words how the load is generated."""
    match load:
        case ClosedLoop(think_time=think) if think:
            return f"closed loop: clients that wait for their answer, then think for {think}"
        case ClosedLoop():
            return "closed loop: clients that wait for their answer and ask again at once"
        case OpenLoop(arrival=arrival):
            return f"open loop: {arrival} arrivals at a rate that does not depend on the answers"
        case users:
            return f"users with an exponential think time of {users.think_time} on average, who share the pool"


def _swept(sweep: Mapping[str, tuple[str | int | float | bool, ...]], key: str, fixed: str | float) -> str:
    return ", ".join(level_text(level) for level in sweep[key]) if key in sweep else level_text(fixed)
