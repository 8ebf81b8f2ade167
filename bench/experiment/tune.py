"""`bench tune`: a first look, ideas from it, each tried alone in interleaved pairs, the proven ones together."""

from __future__ import annotations

import contextlib
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from bench.analysis.tuning.analyse import first_look
from bench.analysis.tuning.candidate import CHANGE, COMBINATION, START, Tuning
from bench.analysis.tuning.indexes import from_plans
from bench.analysis.tuning.options import from_options
from bench.analysis.tuning.outcome import judge_tuning
from bench.analysis.tuning.pairs import paired_window_s
from bench.analysis.tuning.propose import enlist, from_findings, single_out
from bench.analysis.tuning.sides import scenario_of, scouting_trials
from bench.analysis.wording import count
from bench.design.plan import treat, trial_seconds
from bench.design.scouting import pool_sizes
from bench.environment.embedded import Where
from bench.environment.host import describe_host
from bench.environment.populations import read_populations
from bench.environment.tuning.relations import read_relations
from bench.experiment.derive import derive
from bench.experiment.disturb import check_disturbances
from bench.experiment.ground import Ground
from bench.experiment.pairs import Sitting
from bench.experiment.plans import take_plans
from bench.experiment.preflight import OWN_CONNECTIONS, check_connections, check_counters
from bench.experiment.run import describe_run, open_writer
from bench.experiment.stopwatch import Stopwatch
from bench.experiment.target import open_target
from bench.model.change import join
from bench.model.errors import ScenarioError, SetupError, StoreError
from bench.model.facts import Caveat
from bench.stats.queueing import pool_size_prior
from bench.stats.sequential import LOOKS

if TYPE_CHECKING:
    from bench.analysis.tuning.decision import Decision
    from bench.analysis.tuning.outcome import TuningOutcome
    from bench.experiment.derive import Derived
    from bench.experiment.progress import Progress
    from bench.experiment.run import Request
    from bench.experiment.target import Target
    from bench.model.change import Change
    from bench.model.scenario import Scenario
    from bench.store.writer import RunWriter

SCOUTING_ROUNDS = 2
PAIRS_A_BLOCK = 2
"""ABBA."""

OUT_OF_TIME = Caveat(
    code="tune-out-of-time",
    text="the budget of time ended before every candidate was decided",
    cure="Give a larger `--budget`, or shorter windows with `--set run.window=1s`.",
)


@dataclass(frozen=True, slots=True)
class Tune:
    """What the command line asks for beside the run."""

    request: Request
    budget_s: float
    only: tuple[str, ...] = ()
    """Patterns of candidate titles; none tries all. Fewer candidates are decided sooner: they share the error."""


def tune(asked: Tune, progress: Progress) -> Derived:
    """Tune a scenario; whatever was applied is taken back, and finished trials survive any failure."""
    request = asked.request
    planned = request.planned
    start = treat(planned.raw, {}, planned.source)
    with open_target(request.where, start.dataset, [start], progress) as target:
        target.check_poolers([start])
        check_counters(target)
        check_disturbances(target.environment, [start])
        check_connections([start], target.usable_connections())
        with open_writer(request, describe_run(request, target, [start])) as writer:
            try:
                watch = Stopwatch()
                with _prepare_ground(target, request, watch) as ground:
                    _Tuning(asked, start, target, ground, writer, progress, watch).go()
                folder = writer.finish()
            except BaseException as error:
                with contextlib.suppress(StoreError):  # a full disk must not hide why the tuning stopped
                    writer.stop("interrupted" if isinstance(error, KeyboardInterrupt) else "failed")
                kept = f"{count(len(writer.finished), 'trial')} in {writer.path}"
                again = shlex.join(request.command)
                progress.note(f"kept {kept}, nothing stays applied; a tuning starts anew: {again}")
                raise
    return derive(folder, request.results_root, request.reports_root, progress)


def _prepare_ground(
    target: Target, request: Request, watch: Stopwatch
) -> contextlib.AbstractContextManager[Ground | None]:
    """Return what may be changed: our own servers, nothing of somebody else's."""
    if isinstance(request.where, Where):
        return Ground(target, request.where, watch)
    return contextlib.nullcontext()


class _Tuning:
    """The steps of one tuning, which share servers, clock and what is known so far."""

    def __init__(
        self,
        asked: Tune,
        start: Scenario,
        target: Target,
        ground: Ground | None,
        writer: RunWriter,
        progress: Progress,
        watch: Stopwatch,
    ) -> None:
        self._planned = asked.request.planned
        self._start = start
        self._target = target
        self._writer = writer
        self._progress = progress
        self._budget_s = asked.budget_s
        self._only = asked.only
        populations = read_populations(target.direct, start.operation)
        self._plans = take_plans(target, start, populations, writer).load
        self._ground = ground
        self._sitting = Sitting(self._planned, target, ground, writer, populations, self._plans, progress, watch=watch)
        self._watch = watch
        self._pair_s = 0.0
        self._tuning = Tuning(budget_s=asked.budget_s)

    def go(self) -> None:
        """Look, list, try, combine; what is known is stored after each step."""
        self._keep()
        sizes = self._look()
        self._spend("first look")
        self._list(sizes)
        for candidate in self._tuning.candidates:
            self._progress.note(f"  {candidate.id}  {candidate.title} ({candidate.rule})")
        self._try_all()
        self._spend("candidates")
        self._combine()
        self._spend("combination")
        self._keep()
        if self._tuning.out_of_time:
            facts = self._writer.facts
            self._writer.record(msgspec.structs.replace(facts, caveats=(*facts.caveats, OUT_OF_TIME)))

    def _keep(self) -> None:
        self._writer.write_tuning(self._tuning)

    def _spend(self, part: str) -> None:
        spent = self._tuning.spent_s
        passed = self._watch.passed_s - sum(spent.values())
        self._tuning = msgspec.structs.replace(
            self._tuning, spent_s={**spent, part: round(passed, 3)}, work_s=self._watch.split()
        )

    def _look(self) -> tuple[int, ...]:
        planned = self._planned
        most = self._target.usable_connections() - OWN_CONNECTIONS
        sizes = pool_sizes(planned.scenario, pool_size_prior(self._sitting.cores), most)
        self._progress.note(f"a first look at pool sizes {', '.join(map(str, sizes))}")
        trials = scouting_trials(planned.raw, planned.source, sizes, self._start.run.seed, SCOUTING_ROUNDS)
        failures = self._sitting.run(trials, self._tuning)
        if failures and not self._sitting.summaries:
            raise SetupError("no trial could run", evidence=failures[0], remedy="Try `bench run` with this scenario.")
        self._fit_window()
        return sizes

    def _fit_window(self) -> None:
        """Give pairs of slow operations longer windows, which the first look has shown to need them."""
        own_s = self._start.run.window.seconds
        if (window_s := paired_window_s(self._start, self._sitting.summaries)) > own_s:
            self._progress.note(f"windows of {window_s:.3g} s instead of {own_s:g} s for pairs: operations are slow")
            self._tuning = msgspec.structs.replace(self._tuning, window_s=window_s)
        paired = scenario_of({CHANGE: START}, self._tuning, self._planned.raw, self._planned.source)
        self._pair_s = 2 * trial_seconds(paired)

    def _list(self, sizes: tuple[int, ...]) -> None:
        writer = self._writer
        looked = first_look(
            writer.facts, writer.plan, self._start, self._sitting.summaries, self._plans, describe_host()
        )
        ideas, refused = from_findings(looked.findings)
        ideas += from_plans(self._start, self._plans, read_relations(self._target.admin))
        ideas += from_options(self._start, looked.answer, sizes, self._sitting.cores)
        wanted, left = single_out(ideas, self._only)
        if left and not wanted:
            titles = "; ".join(one.title for one in left)
            raise ScenarioError(
                f"no candidate matches `--only {' --only '.join(self._only)}`",
                evidence=f"candidates: {titles}",
                remedy="Give a part of a title, such as `--only pool.size`, or leave `--only` out.",
            )
        candidates, not_allowed = enlist(wanted, self._is_in_force, self._refuse)
        not_tried = (*refused, *left, *not_allowed)
        self._tuning = msgspec.structs.replace(self._tuning, candidates=candidates, not_tried=not_tried)
        self._keep()

    def _is_in_force(self, change: Change) -> bool:
        if change.pooler or change.server or change.sql:
            return False
        return treat(self._planned.raw, change.scenario, self._planned.source) == self._start

    def _refuse(self, change: Change) -> str | None:
        if self._ground is not None:
            return self._ground.refuse(change)
        if change.pooler or change.server or change.sql:
            return "an attached server is not changed: only scenario changes are tried"
        return None

    def _try_all(self) -> None:
        """Bring all candidates to the same look before any goes on to the next: the budget may end at any time."""
        for look in LOOKS:
            for candidate in self._tuning.candidates:
                decision = self._decide(candidate.id)
                if decision.settled or candidate.id in self._tuning.failed:
                    continue
                if not self._reach(candidate.id, candidate.change, look):
                    return
                decision = self._decide(candidate.id)
                self._progress.note(f"{candidate.title}: {decision.words}")
                if decision.settled and self._ground is not None:
                    if decision.outcome == "proven":
                        self._weigh(candidate.id, self._ground)
                    self._ground.leave(candidate.id)

    def _weigh(self, identity: str, ground: Ground) -> None:
        """Measure what a proven change costs those who write."""
        with self._watch.timing("write costs"):
            costs = ground.write_costs(identity)
        for cost in costs:
            self._progress.note(f"  {cost.words}")
        if costs:
            known = self._tuning.write_costs
            self._tuning = msgspec.structs.replace(self._tuning, write_costs={**known, identity: costs})
            self._keep()

    def _decide(self, identity: str) -> Decision:
        return self._judge().of(identity)

    def _judge(self) -> TuningOutcome:
        return judge_tuning(self._tuning, self._start, self._sitting.summaries)

    def _combine(self) -> None:
        kept = self._judge().kept
        if len(kept) < 2:
            return
        ids = tuple(one.candidate.id for one in kept)
        self._tuning = msgspec.structs.replace(self._tuning, combined=ids)
        self._keep()
        change = join(one.candidate.change for one in kept)
        for look in LOOKS:
            decision = self._decide(COMBINATION)
            if decision.settled or not self._reach(COMBINATION, change, look, last=True):
                break
        self._progress.note(f"together: {self._decide(COMBINATION).words}")

    def _reach(self, identity: str, change: Change, look: int, *, last: bool = False) -> bool:
        """Run pairs up to a look, an ABBA block at a time; tells whether the budget allowed it."""
        while (done := self._sitting.pairs(identity)) < look:
            needed = PAIRS_A_BLOCK * self._pair_s
            reserve = 0.0 if last else LOOKS[0] * self._pair_s * (len(self._judge().kept) > 1)
            if self._watch.passed_s + needed + reserve > self._budget_s:
                self._tuning = msgspec.structs.replace(self._tuning, out_of_time=True)
                return False
            failures = self._sitting.run_pairs(identity, change, done + 1, PAIRS_A_BLOCK, self._tuning)
            if failures:
                failed = {**self._tuning.failed, identity: failures[0]}
                self._tuning = msgspec.structs.replace(self._tuning, failed=failed)
                self._keep()
                return True
        return True
