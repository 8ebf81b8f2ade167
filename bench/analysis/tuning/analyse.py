"""The analysis of a tuning: what was measured first gives the ideas, the pairs judge them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from bench.analysis.analyse import Analysis, conclude
from bench.analysis.answer import Answer
from bench.analysis.measure import measure_run
from bench.analysis.trial import summarise
from bench.analysis.tuning.advice import advise, headline
from bench.analysis.tuning.candidate import CHANGE, SCOUT, START
from bench.analysis.tuning.outcome import judge_tuning
from bench.analysis.tuning.pairs import scouts
from bench.analysis.verdict import judge

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bench.analysis.analyse import TrialData
    from bench.analysis.summary import TrialSummary
    from bench.analysis.tuning.candidate import Tuning
    from bench.analysis.tuning.outcome import TuningOutcome
    from bench.design.plan import Plan
    from bench.model.facts import HostSummary, PlanFact, RunFacts
    from bench.model.scenario import Level, Scenario


def first_look(
    run: RunFacts,
    plan: Plan,
    scenario: Scenario,
    summaries: Sequence[TrialSummary],
    plans: Sequence[PlanFact],
    host: HostSummary | None = None,
) -> Analysis:
    """Analyse the trials from which the ideas come, as if they were a run of their own."""
    seen = scouts(summaries)
    ids = {one.trial.id for one in seen}
    part = msgspec.structs.replace(
        plan,
        trials=tuple(trial for trial in plan.trials if trial.id in ids),
        treatments=tuple(one for one in plan.treatments if one.get(CHANGE) == SCOUT),
        design="adaptive",
    )
    return conclude(run, part, scenario, seen, plans, host)


def analyse_tuning(
    run: RunFacts,
    plan: Plan,
    scenario: Scenario,
    scenarios: Mapping[str, Scenario],
    trials: Iterable[TrialData],
    tuning: Tuning,
    beside: Sequence[PlanFact] = (),
    *,
    host: HostSummary | None = None,
) -> Analysis:
    """Analyse a stored tuning; the same files give the same answer."""
    summaries: list[TrialSummary] = []
    first: list[PlanFact] = []
    for trial, facts, samples, explained in trials:
        summaries.append(summarise(trial, facts, samples, scenarios[trial.id]))
        if trial.treatment.get(CHANGE) == SCOUT:
            first.extend(explained)
    looked = first_look(run, plan, scenario, summaries, [*first, *beside], host)
    outcome = judge_tuning(tuning, scenario, summaries)
    measurements = measure_run(summaries, plan, [operation.name for operation in scenario.operation])
    answer = Answer(headline=headline(outcome), subjects=(), formula=None, recommended=_recommended(plan, outcome))
    return Analysis(
        measurements=tuple(measurements),
        findings=advise(looked.findings, outcome, measurements),
        verdict=judge(measurements, scenario, answer.recommended),
        answer=answer,
        summaries=tuple(summaries),
        plans=looked.plans,
        tuning=outcome,
    )


def _recommended(plan: Plan, outcome: TuningOutcome) -> tuple[dict[str, Level], ...]:
    """Return the treatment whose budgets count: the advised state, else the start, else the first look at it."""
    for wanted in (outcome.final, START, SCOUT):
        found = [dict(one) for one in plan.treatments if one.get(CHANGE) == wanted]
        if wanted is not None and found:
            return tuple(found[:1])
    return ()
