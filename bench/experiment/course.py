"""What decides which trials a run makes: all of a grid, or one round after another as the answer comes nearer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Protocol

from bench.analysis.trial import summarise
from bench.design.growth import grow

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bench.analysis.summary import TrialSummary
    from bench.design.plan import Plan, Trial
    from bench.experiment.scenario_file import Planned
    from bench.model.facts import Caveat, TrialFacts
    from bench.model.sample import Samples
    from bench.model.scenario import Level, Scenario
    from bench.store.reader import RunReader


class Course(Protocol):
    """Decides the trials of a run."""

    def may_run(self) -> Iterable[Scenario]:
        """Return every scenario that may come, or one that stands for those of equal needs."""
        ...

    def scenario(self, trial: Trial) -> Scenario:
        """Return the scenario of a planned trial."""
        ...

    def recall(self, reader: RunReader) -> None:
        """Learn what an earlier session of the run has measured."""
        ...

    def observe(self, trial: Trial, facts: TrialFacts, samples: Samples) -> None:
        """Learn from a finished trial."""
        ...

    def miss(self, trial: Trial) -> None:
        """Learn that a trial could not run."""
        ...

    def grow(self, plan: Plan) -> Plan | None:
        """Return the plan with its next round, None when nothing is left to try."""
        ...

    def doubts(self) -> tuple[Caveat, ...]:
        """Return what a reader must know of the course that was taken, once it has ended."""
        ...


class GridCourse:
    """All trials are planned before the first one runs."""

    def __init__(self, planned: Planned) -> None:
        self._treated = planned.treated

    def may_run(self) -> Iterable[Scenario]:
        """Return the scenario of every trial."""
        return self._treated.values()

    def scenario(self, trial: Trial) -> Scenario:
        """Return the scenario of a planned trial."""
        return self._treated[trial.id]

    def recall(self, reader: RunReader) -> None:
        """Need no memory."""

    def observe(self, trial: Trial, facts: TrialFacts, samples: Samples) -> None:
        """Need no memory."""

    def miss(self, trial: Trial) -> None:
        """Need no memory."""

    def grow(self, plan: Plan) -> Plan | None:
        """Return None: the grid is all there is."""
        del plan
        return None

    def doubts(self) -> tuple[Caveat, ...]:
        """Return none: nothing was chosen on the way."""
        return ()


class GrowingCourse(ABC):
    """Keeps a summary of every finished trial and plans a round at a time from them."""

    def __init__(self, planned: Planned) -> None:
        self._whole = planned.scenario
        self._scenarios = dict(planned.treated)
        self._summaries: list[TrialSummary] = []
        self._missed: list[Trial] = []

    @abstractmethod
    def may_run(self) -> Iterable[Scenario]:
        """Return every scenario that may come, or one that stands for those of equal needs."""

    @abstractmethod
    def _next_round(self) -> Sequence[tuple[dict[str, Level], Scenario]]:
        """Return treatments with their scenarios; none of them ends the run."""

    def doubts(self) -> tuple[Caveat, ...]:
        """Return none, unless a course says otherwise."""
        return ()

    def scenario(self, trial: Trial) -> Scenario:
        """Return the scenario of a planned trial."""
        return self._scenarios[trial.id]

    def recall(self, reader: RunReader) -> None:
        """Summarise the stored trials; what failed will be tried again."""
        for stored in reader.trials():
            if stored.failure is None:
                self.observe(stored.trial, stored.facts, stored.samples())

    def observe(self, trial: Trial, facts: TrialFacts, samples: Samples) -> None:
        """Summarise a finished trial."""
        self._summaries.append(summarise(trial, facts, samples, self.scenario(trial)))

    def miss(self, trial: Trial) -> None:
        """Remember a trial that could not run."""
        self._missed.append(trial)

    def grow(self, plan: Plan) -> Plan | None:
        """Return the plan with its next round."""
        chosen = self._next_round()
        if not chosen:
            return None
        treatments = [treatment for treatment, _ in chosen]
        scenarios = {frozenset(treatment.items()): scenario for treatment, scenario in chosen}
        grown = grow(plan, treatments, self._whole)
        for trial in grown.trials[len(plan.trials) :]:
            self._scenarios[trial.id] = scenarios[frozenset(trial.treatment.items())]
        return grown
