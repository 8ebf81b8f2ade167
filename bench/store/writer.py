"""A run being written: trial by trial into a ``.partial`` folder, which is renamed at the end."""

from __future__ import annotations

import shutil
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal, Self

import msgspec

from bench.model.errors import StoreError
from bench.store import codec, layout
from bench.store.disk import place_folder, read_text, reading, replace_file, sync_folder, writing
from bench.store.export.hlog import render_log
from bench.store.lock import FILE as LOCK_FILE
from bench.store.names import check_name
from bench.store.samples import encode_samples

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bench.analysis.tuning.candidate import Tuning
    from bench.design.plan import Plan, Trial
    from bench.model.explained import Explained
    from bench.model.facts import PlanFact, RunFacts, TrialFacts
    from bench.model.sample import Samples
    from bench.model.scenario import Load
    from bench.store.lock import Lock


class RunWriter:
    """The only writer of one run. Use it as a context: leaving without ``finish`` keeps the folder to be resumed.

    ``discarded`` names the trials that a dead writer left half-written; they are gone and will run again.
    """

    def __init__(self, path: Path, facts: RunFacts, plan: Plan, lock: Lock) -> None:
        self.path = path
        self.facts = facts
        self.plan = plan
        self._lock = lock
        self._trials = path / layout.TRIALS
        self._began_s = time.monotonic()
        self._finished: set[str] = set()
        self.failures: dict[str, str] = {}
        self.discarded: tuple[str, ...] = ()
        self._take_stock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def run_id(self) -> str:
        """The id reserved for this run."""
        return self.facts.run_id

    @property
    def finished(self) -> frozenset[str]:
        """Ids of the trials that are stored with their samples."""
        return frozenset(self._finished)

    def pending(self) -> tuple[Trial, ...]:
        """Return the trials still to run, in order; a failed one may be tried again."""
        return tuple(trial for trial in self.plan.trials if trial.id not in self._finished)

    def add_trial(
        self, trial: Trial, facts: TrialFacts, samples: Samples, plans: Sequence[PlanFact], load: Load
    ) -> None:
        """Store one trial, whole or not at all, and flush it; raises ``StoreError``.

        All samples are kept; ``load`` tells which of them the histogram counts.
        """
        if facts.trial_id != trial.id:
            raise ValueError(f"facts of {facts.trial_id} given for trial {trial.id}")
        files = {
            layout.SAMPLES: encode_samples(samples, trial.id, facts.operations),
            layout.HISTOGRAM: render_log(facts, samples, load),
            layout.FACTS: codec.encode("facts", facts),
            layout.PLANS: codec.encode("plans", layout.Plans(tuple(plans))),
        }
        self._place(trial, files)
        self._finished.add(trial.id)
        self.failures.pop(trial.id, None)

    def fail_trial(self, trial: Trial, text: str) -> None:
        """Store why a trial has no samples; raises ``StoreError``."""
        self._place(trial, {layout.FAILURE: text.encode(errors="backslashreplace")})
        self.failures[trial.id] = text

    def extend_plan(self, plan: Plan) -> None:
        """Replace ``plan.json`` by a plan that begins with the trials and treatments of this one; ``StoreError``.

        Whoever is killed meanwhile leaves the old plan or the new one, whole.
        """
        old = self.plan
        begins = plan.trials[: len(old.trials)] == old.trials
        if not begins or plan.treatments[: len(old.treatments)] != old.treatments or plan.scenario != old.scenario:
            raise ValueError("a plan grows at its end; what it held stays as it was")
        for trial in plan.trials[len(old.trials) :]:
            check_name(trial.id, "trial")
        if len({trial.id for trial in plan.trials}) < len(plan.trials):
            raise ValueError("two trials of a plan share an id")
        replace_file(self.path / layout.PLAN, codec.encode("plan", plan))
        self.plan = plan

    def record(self, run_facts: RunFacts) -> None:
        """Replace ``run.json``, as when a run is interrupted; the id stays the one reserved."""
        facts = msgspec.structs.replace(run_facts, run_id=self.run_id)
        replace_file(self.path / layout.RUN, codec.encode("run", facts))
        self.facts = facts

    def write_tuning(self, tuning: Tuning) -> None:
        """Replace ``tuning.json``, which says what the trials of a tuning are for; raises ``StoreError``."""
        replace_file(self.path / layout.TUNING, codec.encode("tuning", tuning))

    def write_explained(self, explained: Explained) -> None:
        """Replace ``explained.json``, the plans beside the load's own; raises ``StoreError``."""
        replace_file(self.path / layout.EXPLAINED, codec.encode("explained", explained))

    def stop(self, status: Literal["interrupted", "failed"]) -> None:
        """Say in ``run.json`` how the run ended too early, and let go of the folder, which can be resumed."""
        try:
            self.record(self._ended(status))
        finally:
            self.close()

    def finish(self, run_facts: RunFacts | None = None) -> Path:
        """Write the last ``run.json``, take ``.partial`` off the folder's name and return where it is now.

        Without ``run_facts`` the status becomes ``finished``, at the present time. Raises ``StoreError``.
        """
        facts = run_facts or self._ended("finished")
        if facts.status == "running":
            raise ValueError("a finished run does not have the status `running`")
        self.record(facts)
        final = self.path.with_name(self.path.name.removesuffix(layout.PARTIAL))
        with writing(final):
            self.path.rename(final)
            self.path, self._trials = final, final / layout.TRIALS
            # Only now: whoever opened the lock under the old name must not find it free there.
            (final / LOCK_FILE).unlink(missing_ok=True)
            sync_folder(final.parent)
        self.close()
        return final

    def close(self) -> None:
        """Let go of the folder. Harmless when called twice."""
        self._lock.release()

    def _ended(self, status: Literal["finished", "interrupted", "failed"]) -> RunFacts:
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        worked_s = round((self.facts.worked_s or 0.0) + time.monotonic() - self._began_s, 3)
        return msgspec.structs.replace(self.facts, status=status, finished_utc=now, worked_s=worked_s)

    def _place(self, trial: Trial, files: dict[str, bytes]) -> None:
        if trial not in self.plan.trials:
            raise ValueError(f"trial {trial.id} is not in the plan")
        if trial.id in self._finished:
            raise StoreError(
                f"{self._trials / trial.id} exists: raw data is written once",
                remedy="Resume the run, which skips its finished trials, or start a new one.",
            )
        half = self._trials / f".{trial.id}"
        place_folder(half, self._trials / trial.id, files, replace=trial.id in self.failures)

    def _take_stock(self) -> None:
        """Read which trials are there, and remove what a dead writer left half-written or is derived from less."""
        with reading(self._trials):
            paths = sorted(self._trials.iterdir())
            strays = [path for path in self.path.iterdir() if path.name.startswith(".")]
        half = [path for path in paths if path.name.startswith(".")]
        for path in [*half, *strays, *(self.path / name for name in layout.DERIVED)]:
            with writing(path):
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        self.discarded = tuple(path.name.removeprefix(".") for path in half)
        for path in paths:
            name = path.name
            if (path / layout.FAILURE).is_file():
                self.failures[name] = read_text(path / layout.FAILURE)
            elif (path / layout.FACTS).is_file() and (path / layout.SAMPLES).is_file():
                self._finished.add(name)
            elif path not in half:
                raise StoreError(
                    f"{path} is neither a finished trial nor a failed one",
                    evidence=f"it lacks {layout.FACTS} or {layout.SAMPLES}",
                    remedy="Move it out of the run; the trial then runs again.",
                )
