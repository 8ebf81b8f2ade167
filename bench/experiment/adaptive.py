"""`bench run --adaptive`: the best pool size of a sweep with a part of its trials."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from bench.analysis.measure import combine, usable
from bench.analysis.measurement import ALL_OPERATIONS
from bench.analysis.summary import key_of
from bench.analysis.verdict import judge_lines, sum_up
from bench.design.growth import lay_out
from bench.design.plan import Plan, expand
from bench.design.search import UNTRIED, Known, open_questions, propose
from bench.experiment.course import GrowingCourse
from bench.model.facts import Caveat

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bench.analysis.summary import TrialSummary
    from bench.design.search import Cell
    from bench.experiment.scenario_file import Planned
    from bench.model.scenario import Level, Scenario

ADAPTIVE_CAVEAT = Caveat(
    code="adaptive",
    text="an adaptive sweep: sizes far from the answer were measured once or not at all, those near it more often than "
    "the scenario's replicates",
    cure="Run without `--adaptive` for the whole grid.",
)


def plan_adaptive(planned: Planned) -> Planned:
    """Return the same sweep to be searched instead of measured whole; raises ``ScenarioError``."""
    full, _ = expand(planned.raw, planned.source)
    grid, _ = lay_out(full.treatments, full.replicates)
    seconds = full.estimated_s * grid.most / grid.trials
    plan = Plan(full.scenario, (), (), full.replicates, seconds, "adaptive")
    return dataclasses.replace(planned, plan=plan, treated={})


class AdaptiveCourse(GrowingCourse):
    """Measures the cells that ``bench.design.search`` asks for."""

    def __init__(self, planned: Planned) -> None:
        super().__init__(planned)
        full, treated = expand(planned.raw, planned.source)
        self._grid, self._cells = lay_out(full.treatments, full.replicates)
        self._places = {key_of(treatment): cell for cell, treatment in self._cells.items()}
        self._by_cell = {self._places[key_of(trial.treatment)]: treated[trial.id] for trial in full.trials}
        self._names = (ALL_OPERATIONS, *(operation.name for operation in planned.scenario.operation))
        self._cache: dict[tuple[Cell, int], Known] = {}

    def may_run(self) -> Iterable[Scenario]:
        """Return the scenarios of the whole grid."""
        return self._by_cell.values()

    def _next_round(self) -> Sequence[tuple[dict[str, Level], Scenario]]:
        return [(self._cells[cell], self._by_cell[cell]) for cell in propose(self._grid, self._known())]

    def doubts(self) -> tuple[Caveat, ...]:
        """Say what was not measured, and whether the trials ran out before the answer was found."""
        if not open_questions(self._grid, self._known()):
            return (ADAPTIVE_CAVEAT,)
        ran_out = Caveat(
            code="adaptive-unsettled",
            text=f"the search ended after {self._grid.most} trials of {self._grid.trials} with sizes still undecided",
            cure="Run without `--adaptive`, or with longer windows, which vary less.",
        )
        return (ADAPTIVE_CAVEAT, ran_out)

    def _known(self) -> dict[Cell, Known]:
        found = {}
        for cell, treatment in self._cells.items():
            own = [one for one in self._summaries if key_of(one.trial.treatment) == key_of(treatment)]
            missed = sum(key_of(one.treatment) == key_of(treatment) for one in self._missed)
            if (cell, len(own)) not in self._cache:
                self._cache[cell, len(own)] = self._judge(treatment, own)
            known = self._cache[cell, len(own)]
            found[cell] = known._replace(tried=known.tried + missed)
        return found

    def _judge(self, treatment: dict[str, Level], own: Sequence[TrialSummary]) -> Known:
        """Judge a cell as the analysis will do at the end."""
        if not own:
            return UNTRIED
        counting, valid = usable(own)
        rates = tuple(one.everything.throughput for one in counting if one.everything.throughput > 0) if valid else ()
        # Plans are the same whatever the pool: they cannot tell its sizes apart.
        budgets = [budget for budget in self._whole.all_budgets if budget.is_timed]
        if not budgets:
            return Known(len(own), rates)
        lines = judge_lines(combine(treatment, own, self._names), budgets)
        return Known(len(own), rates, sum_up(line.verdict for line in lines))
