"""A stored run as one side of a gate, from its raw data: nothing derived earlier is believed."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from bench.analysis.analyse import analyse
from bench.analysis.gate.identity import differences, identify_run
from bench.analysis.gate.side import Side
from bench.experiment.restore import restore
from bench.model.errors import ScenarioError, StoreError
from bench.model.scenario_text import Overrides, decode
from bench.store.baselines import find_baseline, list_baselines
from bench.store.names import find_run
from bench.store.runs import list_runs, open_run

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bench.analysis.analyse import Analysis
    from bench.analysis.gate.identity import Identity
    from bench.analysis.measurement import Measurement
    from bench.experiment.scenario_file import Planned
    from bench.model.scenario import Scenario
    from bench.store.reader import RunReader


def read_side(run: str | Path, results_root: Path, budgets: Sequence[str] = (), name: str = "") -> Side:
    """Analyse a run again, with ``budgets`` beside its own.

    Raises ``StoreError`` where it cannot be judged: unfinished, damaged, without a trial, without a valid one.
    """
    side = read_block(run, results_root, budgets, name)
    if not open_run(run, results_root).facts.reported:
        refuse_empty(side, side.folder)
    return side


def read_block(run: str | Path, results_root: Path, budgets: Sequence[str] = (), name: str = "") -> Side:
    """Do as ``read_side``, but leave it to the caller to refuse what holds nothing valid: a part of a side may not."""
    reader = open_run(run, results_root)
    _refuse_unfinished(reader)
    ran = restore(reader)
    if ran.plan.design == "capacity" and budgets:
        raise ScenarioError(
            f"{reader.run_id} searched for a capacity: its budgets decided what it tried",
            remedy="State them when it runs: `bench capacity … --budget`.",
        )
    raw = Overrides(budgets=tuple(budgets)).apply(ran.raw, ran.source)
    scenario = decode(raw, ran.source) if budgets else ran.scenario
    stored = (
        (each.trial, each.facts, each.samples(), each.plans()) for each in reader.trials() if each.failure is None
    )
    analysis = analyse(reader.facts, ran.plan, scenario, ran.treated, stored, host=reader.host)
    return _side(reader, ran, analysis, scenario, name)


def side_of(reader: RunReader, ran: Planned, analysis: Analysis) -> Side:
    """Return a run that was analysed already; raises ``StoreError`` where ``read_side`` does."""
    _refuse_unfinished(reader)
    side = _side(reader, ran, analysis, ran.scenario)
    if not reader.facts.reported:
        refuse_empty(side, side.folder)
    return side


def _side(reader: RunReader, ran: Planned, analysis: Analysis, scenario: Scenario, name: str = "") -> Side:
    failed = sum(each.failure is not None for each in reader.trials())
    return Side(
        name=name or reader.run_id,
        run_id=reader.run_id,
        identity=identify_run(reader.facts, reader.host, ran.scenario, ran.plan.treatments),
        scenario=scenario,
        verdict=analysis.verdict,
        measurements=analysis.measurements,
        summaries=analysis.summaries,
        plans=analysis.plans,
        notes=(f"{failed} trial(s) of {reader.run_id} could not run",) if failed else (),
        folder=str(reader.path),
    )


def find_side(name: str, results_root: Path, budgets: Sequence[str] = ()) -> Side:
    """Return the side of a baseline's name, or else of a run."""
    known = list_baselines(results_root)
    if name in known:
        return read_baseline(name, results_root)
    try:
        find_run(name, results_root)
    except StoreError as error:
        if near := difflib.get_close_matches(name, known, n=1):
            raise ScenarioError(
                f"{name!r} is neither a baseline nor a run",
                evidence=error.evidence,
                remedy=f"Did you mean the baseline `{near[0]}`?",
            ) from None
        raise
    return read_side(name, results_root, budgets)


def read_baseline(name: str, results_root: Path) -> Side:
    """Return the run that has a name; raises ``ScenarioError`` where nothing has it."""
    baseline = find_baseline(name, results_root)
    return read_side(baseline.run, results_root, name=f"baseline {name} ({baseline.run})")


def refuse_empty(side: Side, where: Path | str) -> None:
    """Raise ``StoreError`` for a run that holds nothing to judge: such a gate must never pass."""
    remedy = "Run the scenario again; `bench analyse` shows what went wrong with this run."
    if not side.summaries:
        raise StoreError(f"{where} holds no trial that ran", evidence="; ".join(side.notes), remedy=remedy)
    if not any(summary.everything.total for summary in side.summaries):
        raise StoreError(f"{where} holds no operation inside any window", remedy=remedy)
    if not any(summary.valid_for() for summary in side.summaries):
        codes = sorted(
            {
                caveat.code
                for summary in side.summaries
                for caveat in (*summary.caveats, *summary.everything.caveats)
                if caveat.invalidates
            }
        )
        raise StoreError(f"{where} holds no valid trial", evidence=f"invalid by: {', '.join(codes)}", remedy=remedy)


def earlier_runs(candidate: Side, results_root: Path) -> list[tuple[Measurement, ...]]:
    """Return the measurements of other finished runs that were made with the same; unreadable ones do not count."""
    found = []
    for entry in list_runs(results_root):
        facts = entry.facts
        if facts is None or not entry.finished or facts.run_id == candidate.run_id or facts.reported:
            continue
        if facts.scenario != candidate.identity.scenario:
            continue
        try:
            reader = open_run(entry.path, results_root)
            if not differences(identify(reader), candidate.identity):
                found.append(reader.measurements())
        except (StoreError, ScenarioError):  # it says nothing of the noise; the gate's own runs are read strictly
            continue
    return found


def identify(reader: RunReader) -> Identity:
    """Say what a stored run was made with."""
    ran = restore(reader)
    return identify_run(reader.facts, reader.host, ran.scenario, ran.plan.treatments)


def _refuse_unfinished(reader: RunReader) -> None:
    facts = reader.facts
    if not reader.finished or facts.status not in ("finished", "reported"):
        raise StoreError(
            f"{reader.path} did not finish: its status is {facts.status!r}",
            remedy=f"Take it up with `bench run --resume {facts.run_id}`, or run the scenario again.",
        )
