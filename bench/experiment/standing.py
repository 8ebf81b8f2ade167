"""A run that was just analysed, against the baseline of its scenario."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from bench.analysis.gate.judge import judge_gate
from bench.analysis.gate.standing import Compared, Incomparable, IsBaseline, Unset
from bench.experiment.question import Question
from bench.experiment.sides import read_baseline, side_of
from bench.model.errors import ScenarioError, StoreError
from bench.store.baselines import list_baselines
from bench.store.runs import open_run

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from bench.analysis.analyse import Analysis
    from bench.analysis.gate.side import Side
    from bench.analysis.gate.standing import Standing
    from bench.experiment.progress import Progress
    from bench.experiment.scenario_file import Planned
    from bench.store.baselines import Baseline
    from bench.store.reader import RunReader

_USUAL = "main"


def compare_with_baseline(
    reader: RunReader, ran: Planned, analysis: Analysis, results_root: Path, chosen: str | None, progress: Progress
) -> Standing | None:
    """Compare as `bench compare` does, with the baseline ``chosen`` or else the one set last for the scenario.

    None for a tuning, which compares with its own start. Whatever cannot be read or compared is told by the value: a
    report must not fail by its baseline. ``chosen`` must be one, see ``find_baseline``.
    """
    if ran.plan.design == "tune":
        return None
    try:
        known = list_baselines(results_root)
    except StoreError as error:
        return Incomparable("", "", error.problem, error.evidence, error.remedy)
    of_scenario = [name for name, one in known.items() if one.scenario == reader.facts.scenario]
    name = chosen or _set_last(of_scenario, known)
    if name is None:
        return Unset(next(free for free in _names() if free not in known))
    if known[name].run == reader.run_id:
        return IsBaseline(name)
    others = tuple(other for other in of_scenario if other != name)
    progress.note(f"comparing with the baseline {name}")
    try:
        return _compare(name, others, side_of(reader, ran, analysis), reader.facts.started_utc, results_root)
    except (StoreError, ScenarioError) as error:
        return Incomparable(name, known[name].run, error.problem, error.evidence, error.remedy, others)


def _compare(name: str, others: tuple[str, ...], candidate: Side, now: str, results_root: Path) -> Compared:
    before = read_baseline(name, results_root)
    terms = Question(results_root=results_root).terms(candidate, before)
    result = judge_gate(candidate, before, terms, budgets=False)
    earlier = open_run(before.folder, results_root).facts.started_utc
    return Compared(name, before.run_id, result, others, later=earlier > now)


def _set_last(names: Sequence[str], known: Mapping[str, Baseline]) -> str | None:
    """Return the name that was set last; of those set in the same second, the later line of the file."""
    return max(enumerate(names), key=lambda one: (known[one[1]].set_utc, one[0]))[1] if names else None


def _names() -> Iterator[str]:
    yield _USUAL
    yield from (f"{_USUAL}-{number}" for number in count(2))
