"""Runs in a results folder: make one, open one, take one up again, list them."""

from __future__ import annotations

import contextlib
import itertools
import shutil
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from bench.model.errors import StoreError
from bench.model.facts import RunFacts
from bench.store import codec, layout
from bench.store.disk import FOLDER_MODE, make_folder, replace_file, sync_folder, writing
from bench.store.lock import Lock
from bench.store.names import check_name, find_run, folders, is_finished, name_run
from bench.store.reader import RunReader, StoredTrial, load_facts, load_plan
from bench.store.writer import RunWriter

if TYPE_CHECKING:
    from pathlib import Path

    from bench.design.plan import Plan
    from bench.model.facts import HostSummary

__all__ = ["RunEntry", "RunReader", "RunWriter", "StoredTrial", "create", "list_runs", "name_run", "open_run", "resume"]


@dataclass(frozen=True, slots=True)
class RunEntry:
    """One line of a list of runs. ``problem`` says why ``facts`` could not be read."""

    path: Path
    finished: bool
    facts: RunFacts | None
    problem: StoreError | None


def _reserve(results_root: Path, run_id: str) -> Path:
    """Make the first free ``<run-id>.partial``, ``<run-id>-2.partial``, …; the kernel decides who was first."""
    results_root.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    for suffix in itertools.chain([""], (f"-{number}" for number in itertools.count(2))):
        path = results_root / f"{run_id}{suffix}{layout.PARTIAL}"
        try:
            make_folder(path)
        except FileExistsError:
            continue
        if not path.with_name(path.name.removesuffix(layout.PARTIAL)).exists():
            return path
        path.rmdir()
    raise AssertionError("numbers do not end")


def create(results_root: Path, run_facts: RunFacts, scenario_text: str, plan: Plan, host: HostSummary) -> RunWriter:
    """Begin a run in ``<run-id>.partial``; raises ``StoreError``.

    An empty ``run_facts.run_id`` is named by ``name_run``; one that is taken gets a number: the id reserved is the
    writer's ``run_id``. ``run.json`` is written last, so that a folder which has one can be resumed.
    """
    started = datetime.fromisoformat(run_facts.started_utc)
    run_id = run_facts.run_id or name_run(started, run_facts.scenario, run_facts.commit)
    check_name(run_id, "run")
    for trial in plan.trials:
        check_name(trial.id, "trial")
    with contextlib.ExitStack() as undo:
        with writing(results_root / run_id):
            path = _reserve(results_root, run_id)
        lock = Lock(path)
        undo.callback(lock.release)
        undo.callback(shutil.rmtree, path, ignore_errors=True)
        facts = msgspec.structs.replace(run_facts, run_id=path.name.removesuffix(layout.PARTIAL))
        with writing(path):
            make_folder(path / layout.TRIALS)
        replace_file(path / layout.SCENARIO, scenario_text.encode())
        replace_file(path / layout.PLAN, codec.encode("plan", plan))
        replace_file(path / layout.HOST, codec.encode("host", host))
        replace_file(path / layout.RUN, codec.encode("run", facts))
        with writing(results_root):
            sync_folder(results_root)
        writer = RunWriter(path, facts, plan, lock)
        undo.pop_all()
    return writer


def resume(run: str | Path, results_root: Path) -> RunWriter:
    """Take up an unfinished run where its writer stopped; raises ``StoreError``, also while it is still being written.

    Half-written trials and derived files are removed; see ``RunWriter.finished``, ``failures`` and ``discarded``.
    """
    path = find_run(run, results_root)
    if is_finished(path):
        unfinished = [entry.name for entry in folders(results_root) if not is_finished(entry)]
        raise StoreError(
            f"{path} is finished: there is nothing to resume",
            evidence=f"unfinished: {', '.join(unfinished) or 'none'}",
            remedy="Start a new run, or name an unfinished one.",
        )
    if not (path / layout.RUN).is_file():
        raise StoreError(
            f"{path} cannot be resumed",
            evidence=f"its writer died before it wrote {layout.RUN}; no trial had begun",
            remedy="Remove the folder and start again.",
        )
    with contextlib.ExitStack() as undo:
        lock = Lock(path)
        undo.callback(lock.release)
        facts = codec.load(path / layout.RUN, "run", RunFacts)
        writer = RunWriter(path, facts, load_plan(path), lock)
        writer.record(msgspec.structs.replace(facts, status="running", finished_utc=None))
        undo.pop_all()
    return writer


def open_run(run: str | Path, results_root: Path) -> RunReader:
    """Open a run given as path, id, unique beginning of an id, or ``latest``; raises ``StoreError``."""
    return RunReader(find_run(run, results_root))


def list_runs(results_root: Path) -> tuple[RunEntry, ...]:
    """List all runs, oldest first; one that cannot be read is listed with its problem."""
    entries = []
    for path in folders(results_root):
        try:
            facts, problem = load_facts(path), None
        except StoreError as error:
            facts, problem = None, error
        entries.append(RunEntry(path, is_finished(path), facts, problem))
    return tuple(entries)
