"""`bench gate` and `bench compare`: stored runs read, judged, and the judgement stored beside the candidate's run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bench.analysis.gate.confirm import confirm, has_failed
from bench.analysis.gate.identity import differences, refuse_others
from bench.analysis.gate.judge import judge_gate
from bench.experiment.publish import publish_comparison
from bench.experiment.restore import restore
from bench.experiment.run import Request
from bench.experiment.run import run as run_scenario
from bench.experiment.sides import find_side, read_baseline, read_side
from bench.model.errors import ScenarioError
from bench.report.gate import lay_out_gate
from bench.store.runs import open_run

if TYPE_CHECKING:
    from bench.analysis.gate.result import GateResult
    from bench.analysis.gate.side import Side
    from bench.environment.attached import Attachment
    from bench.environment.embedded import Where
    from bench.experiment.progress import Progress
    from bench.experiment.question import Question


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
    terms = question.terms(candidate, other)
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
    result = judge_gate(second, first, question.terms(second, first), budgets=False)
    before, now = (Path(side.folder).name for side in (first, second))  # safe as names of folders, whatever a run says
    page = publish_comparison(lay_out_gate(result), before, now, reports_root)
    return replace(_store(result, second, first, question), page=page)


def _store(result: GateResult, candidate: Side, baseline: Side | None, question: Question) -> Gated:
    reader = open_run(candidate.folder, question.results_root)
    return Gated(result, candidate, baseline, reader.write_gate(result))
