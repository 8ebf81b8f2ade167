"""`bench gate` and `bench compare`: stored runs read, judged, and the judgement stored beside the candidate's run."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bench.analysis.gate.compare import Terms
from bench.analysis.gate.confirm import confirm, has_failed
from bench.analysis.gate.floors import floors_of_runs
from bench.analysis.gate.identity import check_allowed, differences, refuse_others
from bench.analysis.gate.judge import judge_gate
from bench.analysis.gate.metrics import COMPARED, Sizes, check_metrics
from bench.experiment.publish import publish_comparison
from bench.experiment.restore import restore
from bench.experiment.run import Request
from bench.experiment.run import run as run_scenario
from bench.experiment.sides import earlier_runs, find_side, read_baseline, read_side
from bench.model.budget import parse_budget
from bench.model.errors import ScenarioError
from bench.report.gate import lay_out_gate
from bench.store.runs import open_run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.analysis.gate.result import GateResult
    from bench.analysis.gate.side import Side
    from bench.environment.attached import Attachment
    from bench.environment.embedded import Where
    from bench.experiment.progress import Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked of a gate, as the command line states it."""

    results_root: Path
    budgets: Sequence[str] = ()
    metrics: Sequence[str] = ()
    allowed: Sequence[str] = ()
    sizes: Sizes = field(default_factory=Sizes)

    def check(self) -> None:
        """Refuse what could never be judged, before anything is read or run; raises ``ScenarioError``."""
        check_allowed(self.allowed)
        check_metrics(self.metrics)
        for text in self.budgets:
            try:
                parse_budget(text)
            except ValueError as error:
                raise ScenarioError(
                    f"`--budget {text}`: {error}", remedy="Correct the budget; `bench gate --help` shows examples."
                ) from None


@dataclass(frozen=True, slots=True)
class Gated:
    """A judgement, the sides it rests on, and where it was stored."""

    result: GateResult
    candidate: Side
    baseline: Side | None
    path: Path
    source: str | None = None
    """The scenario's file where it was named for this gate."""
    page: Path | None = None
    """The comparison as a page, where one was written."""


@dataclass(frozen=True, slots=True)
class Rerun:
    """Where a failed run is measured again."""

    where: Where | Attachment
    reports_root: Path
    command: tuple[str, ...]


def gate_run(run: str, baseline: str | None, question: Question, again: Rerun | None, progress: Progress) -> Gated:
    """Judge a stored run by its budgets and, where one is named, against a baseline; stores ``gate.json``.

    With ``again`` a failure counts only if a run of the same scenario, made now, fails too.
    """
    question.check()
    other = None if baseline is None else read_baseline(baseline, question.results_root)
    candidate = read_side(run, question.results_root, question.budgets)
    terms = _terms(candidate, other, question)
    result = judge_gate(candidate, other, terms)
    if again is not None and has_failed(result):
        progress.note("a line failed: running the scenario again, to confirm it")
        repeated = _repeat(candidate, question, again, progress)
        result = confirm(result, judge_gate(repeated, other, terms))
    return _store(result, candidate, other, question)


def _repeat(candidate: Side, question: Question, again: Rerun, progress: Progress) -> Side:
    planned = restore(open_run(candidate.folder, question.results_root))
    if planned.plan.design != "grid":
        raise ScenarioError(
            f"{candidate.run_id} was searched, not planned: it cannot be repeated alike",
            remedy="Gate a run of the whole grid, or leave out `--rerun`.",
        )
    derived = run_scenario(
        Request(planned, again.where, question.results_root, again.reports_root, again.command), progress
    )
    side = read_side(derived.path, question.results_root, question.budgets)
    refuse_others(differences(candidate.identity, side.identity), question.allowed)
    return side


def compare_runs(baseline: str, candidate: str, question: Question, reports_root: Path) -> Gated:
    """Compare two runs or baselines and write the page of it; budgets do not count."""
    question.check()
    first, second = (find_side(name, question.results_root) for name in (baseline, candidate))
    if first.folder == second.folder:
        raise ScenarioError(
            f"both sides are the run {first.run_id}",
            remedy="Name two runs, the baseline first and the candidate second.",
        )
    result = judge_gate(second, first, _terms(second, first, question), budgets=False)
    before, now = (Path(side.folder).name for side in (first, second))  # safe as names of folders, whatever a run says
    page = publish_comparison(lay_out_gate(result), before, now, reports_root)
    return replace(_store(result, second, first, question), page=page)


def _terms(candidate: Side, baseline: Side | None, question: Question) -> Terms:
    metrics = tuple(question.metrics) or COMPARED
    floors = {}
    if baseline is not None:
        floors = floors_of_runs(earlier_runs(candidate, question.results_root), metrics, question.allowed)
    return Terms(metrics=metrics, sizes=question.sizes, allowed=question.allowed, floors=floors)


def _store(result: GateResult, candidate: Side, baseline: Side | None, question: Question) -> Gated:
    reader = open_run(candidate.folder, question.results_root)
    return Gated(result, candidate, baseline, reader.write_gate(result))
