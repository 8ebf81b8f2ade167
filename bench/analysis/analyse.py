"""The whole analysis: samples and facts of a run in, measurements, answer, verdict and findings out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bench.analysis.answer import answer_pool_size
from bench.analysis.capacity import answer_capacity, answer_rate, judge_capacity
from bench.analysis.explain import parse_plan
from bench.analysis.findings import find_all
from bench.analysis.findings.context import Context
from bench.analysis.measure import measure_run
from bench.analysis.plan_tree import fingerprint
from bench.analysis.reported import measure_reported
from bench.analysis.trial import summarise
from bench.analysis.verdict import judge, judge_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bench.analysis.answer import Answer
    from bench.analysis.capacity import Capacity
    from bench.analysis.measurement import Finding, Measurement, Verdict
    from bench.analysis.summary import TrialSummary
    from bench.analysis.tuning.outcome import TuningOutcome
    from bench.design.plan import Plan, Trial
    from bench.model.facts import HostSummary, PlanFact, RunFacts, TrialFacts
    from bench.model.sample import Samples
    from bench.model.scenario import Scenario

    TrialData = tuple[Trial, TrialFacts, Samples, Sequence[PlanFact]]


@dataclass(frozen=True, slots=True, eq=False)
class Analysis:
    """What a run says. ``plans`` holds each distinct plan once: by statement, role, kind, values and shape."""

    measurements: tuple[Measurement, ...]
    findings: tuple[Finding, ...]
    verdict: Verdict
    answer: Answer
    summaries: tuple[TrialSummary, ...]
    plans: tuple[PlanFact, ...]
    capacity: Capacity | None = None
    """The highest rate that meets the budgets, where the run searched for it."""
    tuning: TuningOutcome | None = None
    """What was tried and what is proven, where the run is a tuning."""


def analyse(
    run: RunFacts,
    plan: Plan,
    scenario: Scenario,
    scenarios: Mapping[str, Scenario],
    trials: Iterable[TrialData],
    beside: Sequence[PlanFact] = (),
    *,
    host: HostSummary | None = None,
) -> Analysis:
    """Analyse a run, trial by trial, so that the samples of only one of them are in memory.

    ``scenarios`` maps a trial's id to its own scenario, as ``bench.design.plan.expand`` gives it. Trials of the plan
    that are missing in ``trials`` (failed, interrupted) leave their treatment with fewer replicates or none. Random
    numbers are seeded by ``run.seed``, so the same files give the same answer. ``beside`` are plans of the same
    statements from other sides than the load's.
    """
    summaries: list[TrialSummary] = []
    plans: list[PlanFact] = []
    for trial, facts, samples, explained in trials:
        summaries.append(summarise(trial, facts, samples, scenarios[trial.id]))
        plans.extend(explained)
    return conclude(run, plan, scenario, summaries, [*plans, *beside], host)


def conclude(
    run: RunFacts,
    plan: Plan,
    scenario: Scenario,
    summaries: Sequence[TrialSummary],
    plans: Sequence[PlanFact],
    host: HostSummary | None = None,
) -> Analysis:
    """Analyse a run whose trials were summarised already, as a live run does after each trial."""
    measured = measure_run(summaries, plan, [operation.name for operation in scenario.operation])
    measurements = [*measured, *(measure_reported(trial) for trial in run.reported)]
    lines = judge_lines(measured, scenario.all_budgets)
    answer = answer_pool_size(measured, lines, summaries, np.random.default_rng(run.seed))
    reported = [dict(trial.treatment) for trial in run.reported]
    capacity = None
    if plan.design == "capacity":
        capacity = answer_capacity(scenario, plan.replicates, summaries)
        answer = answer_rate(capacity, measured)
        verdict = judge_capacity(capacity, scenario, measured, plans)
    else:
        verdict = judge(measurements, scenario, [*answer.recommended, *reported], plans)
    distinct = _distinct(plans)
    context = Context(run, scenario, measurements, summaries, distinct, verdict, answer, capacity, host)
    return Analysis(tuple(measurements), find_all(context), verdict, answer, tuple(summaries), distinct, capacity)


def _distinct(plans: Sequence[PlanFact]) -> tuple[PlanFact, ...]:
    kept: dict[tuple[object, ...], PlanFact] = {}
    for fact in plans:
        shape = fingerprint(parse_plan(fact.document))
        kept.setdefault((fact.operation, fact.step, fact.role, fact.kind, fact.draw, fact.execution, shape), fact)
    return tuple(kept.values())
