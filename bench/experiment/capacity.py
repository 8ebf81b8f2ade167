"""`bench capacity`: the highest offered rate that meets the budgets, one trial after another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.analysis.capacity import heard_of, offered_rate, rate_budgets, search_rates, stand
from bench.design.growth import offer
from bench.design.plan import Plan, identify, trial_seconds
from bench.experiment.course import GrowingCourse
from bench.experiment.scenario_file import Planned, read_text
from bench.model.scenario_text import quick_overrides, read_raw

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bench.experiment.progress import Progress
    from bench.model.scenario import Level, Scenario
    from bench.model.scenario_text import Overrides

CONFIRMATIONS = 3
USUAL_TRIALS = 18
"""Trials a search takes: ramp, bisection and confirmations; only used for the estimate."""
MOST_UNJUDGED = 5
"""Trials in a row that could not run or be judged, after which the search gives up."""


def plan_capacity(name: str, overrides: Overrides, confirmations: int, *, quick: bool) -> Planned:
    """Read a scenario and turn it into an open loop whose rate is to be found; raises ``ScenarioError``."""
    text, source = read_text(name)
    written = read_raw(text, source)
    changes = quick_overrides(written).then(overrides) if quick else overrides
    raw = changes.apply(written, source)
    scenario = offer(raw, source)
    plan = Plan(scenario.name, (), (), confirmations, USUAL_TRIALS * trial_seconds(scenario), "capacity")
    return Planned(text, source, changes, quick, raw, scenario, plan, {})


class RateCourse(GrowingCourse):
    """Offers the rates that ``bench.design.rate_search`` asks for."""

    def __init__(self, planned: Planned, progress: Progress) -> None:
        super().__init__(planned)
        self._planned = planned
        self._progress = progress
        self._budgets = rate_budgets(planned.scenario)
        self._search = search_rates(planned.scenario, planned.plan.replicates)

    def may_run(self) -> Iterable[Scenario]:
        """Return one scenario: rates do not change what it needs."""
        return (self._whole,)

    def _next_round(self) -> Sequence[tuple[dict[str, Level], Scenario]]:
        self._tell()
        unjudged = 0
        for one in reversed(self._summaries):
            if stand(one, self._budgets).passed is not None:
                break
            unjudged += 1
        rate = self._search.next_rate(heard_of(self._summaries, self._budgets))
        if rate is None or unjudged + len(self._missed) >= MOST_UNJUDGED:
            return ()
        scenario = offer(self._planned.raw, self._planned.source, rate)
        return [(identify(scenario, {}), scenario)]

    def _tell(self) -> None:
        """Say how the last trial stood."""
        if self._summaries:
            last = self._summaries[-1]
            standing = stand(last, self._budgets)
            word = {True: "passes", False: "fails", None: "cannot be judged"}[standing.passed]
            why = f": {standing.reasons[0]}" if standing.reasons else ""
            self._progress.note(f"  {offered_rate(last):,.0f}/s {word}{why}")
