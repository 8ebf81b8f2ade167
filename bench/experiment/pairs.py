"""Trials of a tuning, run one after the other on whatever ground their side needs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import msgspec

from bench.analysis.trial import summarise
from bench.analysis.tuning.candidate import CHANGE
from bench.analysis.tuning.sides import change_of, pair_trials, scenario_of
from bench.design.plan import trial_seconds
from bench.experiment.run import record_versions
from bench.experiment.trial import run_trial
from bench.model.change import join
from bench.model.errors import SetupError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.analysis.summary import TrialSummary
    from bench.analysis.tuning.candidate import Tuning
    from bench.design.parameters import Populations
    from bench.design.plan import Trial
    from bench.experiment.ground import Ground
    from bench.experiment.progress import Progress
    from bench.experiment.scenario_file import Planned
    from bench.experiment.stopwatch import Stopwatch
    from bench.experiment.target import Target
    from bench.model.change import Change
    from bench.model.facts import PlanFact
    from bench.store.writer import RunWriter

AROUND = "starting and ending trials"


class Sitting:
    """Runs trials and keeps a summary of each."""

    def __init__(
        self,
        planned: Planned,
        target: Target,
        ground: Ground | None,
        writer: RunWriter,
        populations: Populations,
        plans: list[PlanFact],
        progress: Progress,
        *,
        watch: Stopwatch,
    ) -> None:
        self.cores = len(os.sched_getaffinity(0))
        self.summaries: list[TrialSummary] = []
        self._planned = planned
        self._target = target
        self._ground = ground
        self._writer = writer
        self._populations = populations
        self._plans = plans
        self._progress = progress
        self._watch = watch

    def pairs(self, identity: str) -> int:
        """Count the pairs that were planned for a candidate."""
        return sum(trial.treatment[CHANGE] == identity for trial in self._writer.plan.trials)

    def run_pairs(self, identity: str, change: Change, first: int, pairs: int, tuning: Tuning) -> list[str]:
        """Run the next pairs of a candidate; returns what failed."""
        planned = self._planned
        block = max(trial.block for trial in self._writer.plan.trials) + 1
        names = [candidate.id for candidate in tuning.candidates]
        number = names.index(identity) + 1 if identity in names else 0
        seed = (planned.scenario.run.seed, number)
        trials = pair_trials(
            identity, change, planned.raw, planned.source, first=first, pairs=pairs, block=block, seed=seed
        )
        return self.run(trials, tuning)

    def run(self, trials: Sequence[Trial], tuning: Tuning) -> list[str]:
        """Plan and run trials; one that cannot run is stored with its reason, which is returned."""
        scenarios = [scenario_of(one.treatment, tuning, self._planned.raw, self._planned.source) for one in trials]
        self._extend(trials, sum(map(trial_seconds, scenarios)))
        failures = []
        for trial, scenario in zip(trials, scenarios, strict=True):
            try:
                target = self._stand(trial, trials, tuning)
                with self._watch.timing(AROUND):
                    record = run_trial(target, scenario, trial, self._populations)
                run = scenario.run
                self._watch.take(AROUND, "windows", (run.warmup + run.window + run.cooldown) / 1e9)
            except SetupError as error:
                self._writer.fail_trial(trial, str(error))
                self._progress.trial_failed(trial, error.problem)
                failures.append(error.problem)
                continue
            self._writer.add_trial(trial, record.facts, record.samples, self._plans, scenario.load)
            record_versions(self._writer, record.versions)
            self.summaries.append(summarise(trial, record.facts, record.samples, scenario))
            self._progress.trial_finished(trial, record.throughput)
        return failures

    def _stand(self, trial: Trial, trials: Sequence[Trial], tuning: Tuning) -> Target:
        """Return where a side stands; the other trials of its block say what it is compared with."""
        if self._ground is None:
            return self._target
        whole = join(change_of(one.treatment, tuning) for one in trials)
        return self._ground.stand(str(trial.treatment[CHANGE]), change_of(trial.treatment, tuning), whole)

    def _extend(self, trials: Sequence[Trial], seconds: float) -> None:
        plan = self._writer.plan
        known = {frozenset(one.items()) for one in plan.treatments}
        new = {frozenset(trial.treatment.items()): trial.treatment for trial in trials}
        treatments = (*plan.treatments, *(one for key, one in new.items() if key not in known))
        grown = msgspec.structs.replace(plan, trials=(*plan.trials, *trials), treatments=treatments)
        self._writer.extend_plan(grown)
        self._progress.planned(msgspec.structs.replace(grown, trials=tuple(trials), estimated_s=seconds), growing=True)
