"""A run read from its folder, one trial at a time."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import msgspec

from bench.analysis.gate.result import GateResult
from bench.analysis.measurement import Verdict
from bench.analysis.tuning.candidate import Tuning
from bench.design.plan import Plan
from bench.model.errors import StoreError
from bench.model.explained import Explained
from bench.model.facts import HostSummary, RunFacts, TrialFacts
from bench.store import codec, layout
from bench.store.disk import damaged, read_text, reading, replace_file, writing
from bench.store.export.parquet import encode_measurements
from bench.store.gates import write_gate
from bench.store.lock import is_held
from bench.store.names import check_name, is_finished
from bench.store.samples import load_samples

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from bench.analysis.measurement import Finding, Measurement
    from bench.design.plan import Trial
    from bench.model.facts import PlanFact
    from bench.model.sample import Samples


def load_facts(path: Path) -> RunFacts:
    """Read ``run.json`` of a run folder; raises ``StoreError``.

    One that says ``running`` while no live process holds it was cut off before it could say so, by SIGKILL or a full
    disk, and reads as ``interrupted``.
    """
    facts = codec.load(path / layout.RUN, "run", RunFacts)
    if facts.status == "running" and not is_held(path):
        return msgspec.structs.replace(facts, status="interrupted")
    return facts


def load_plan(path: Path) -> Plan:
    """Read ``plan.json`` of a run folder; raises ``StoreError``, also for a trial name that leads elsewhere."""
    plan = codec.load(path / layout.PLAN, "plan", Plan)
    for trial in plan.trials:
        check_name(trial.id, "trial")
    return plan


class StoredTrial:
    """One trial that ran. ``failure`` is the text of one that failed, which has neither facts nor samples."""

    def __init__(self, path: Path, trial: Trial) -> None:
        self.path = path
        self.trial = trial

    @cached_property
    def failure(self) -> str | None:
        """Why the trial has no samples, or None."""
        path = self.path / layout.FAILURE
        return read_text(path) if path.is_file() else None

    @cached_property
    def facts(self) -> TrialFacts:
        """Everything known but the samples; raises ``StoreError``."""
        path = self.path / layout.FACTS
        facts = codec.load(path, "facts", TrialFacts)
        if facts.trial_id != self.trial.id:
            raise damaged(path, f"it belongs to trial {facts.trial_id!r}, not to {self.trial.id!r}")
        return facts

    def samples(self) -> Samples:
        """Read the samples; they are not kept. Raises ``StoreError``."""
        return load_samples(self.path / layout.SAMPLES, self.trial.id)

    def plans(self) -> tuple[PlanFact, ...]:
        """Read the query plans; raises ``StoreError``."""
        return codec.load(self.path / layout.PLANS, "plans", layout.Plans).plans


class RunReader:
    """A run folder, finished or not. Everything but ``facts`` is read when it is asked for; all raise ``StoreError``.

    A *reported* run holds figures somebody stated (``facts.reported``) and no trials: its plan is empty.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.facts = load_facts(path)
        check_name(self.facts.run_id, "run")  # reports lie in a folder of this name

    @property
    def run_id(self) -> str:
        """The id the run was given; the folder may have been renamed since."""
        return self.facts.run_id

    @property
    def finished(self) -> bool:
        """False for a folder that is still being written or waits to be resumed."""
        return is_finished(self.path)

    @property
    def _reported(self) -> bool:
        return self.facts.status == "reported"

    @cached_property
    def plan(self) -> Plan:
        """All trials in the order they were to run."""
        if self._reported and not (self.path / layout.PLAN).exists():
            return Plan(self.facts.scenario, (), (), 0, 0.0)
        return load_plan(self.path)

    @cached_property
    def tuning(self) -> Tuning:
        """What the trials of a tuning are for; empty for one that ended before it had an idea."""
        path = self.path / layout.TUNING
        return codec.load(path, "tuning", Tuning) if path.exists() else Tuning()

    @cached_property
    def explained(self) -> Explained:
        """The plans beside the load's own; none in a run that was made before they were taken."""
        path = self.path / layout.EXPLAINED
        return codec.load(path, "explained", Explained) if path.exists() else Explained()

    @property
    def scenario_text(self) -> str:
        """The scenario file, verbatim."""
        return read_text(self.path / layout.SCENARIO)

    @cached_property
    def host(self) -> HostSummary | None:
        """The machine; None only for a reported run that states none."""
        path = self.path / layout.HOST
        return None if self._reported and not path.exists() else codec.load(path, "host", HostSummary)

    def trials(self) -> Iterator[StoredTrial]:
        """Yield the trials that ran, failed ones too, in the order of the plan."""
        root = self.path / layout.TRIALS
        if self._reported and not root.exists():
            return
        with reading(root):
            paths = [path for path in root.iterdir() if path.is_dir() and not path.name.startswith(".")]
        linked = sorted(path.name for path in (root, *paths) if path.is_symlink())
        if linked:
            raise damaged(root, f"a link stands for {', '.join(linked)}, and may lead anywhere")
        present = {path.name for path in paths}
        strangers = sorted(present - {trial.id for trial in self.plan.trials})
        if strangers:
            raise StoreError(
                f"{root} holds trials that are not in the plan",
                evidence=", ".join(strangers),
                remedy=f"Move them out of the run, or restore its {layout.PLAN}.",
            )
        yield from (StoredTrial(root / trial.id, trial) for trial in self.plan.trials if trial.id in present)

    def measurements(self) -> tuple[Measurement, ...]:
        """Return what ``write_derived`` stored last."""
        return self._derived(layout.MEASUREMENTS, "measurements", layout.Measurements).measurements

    def findings(self) -> tuple[Finding, ...]:
        """Return what ``write_derived`` stored last."""
        return self._derived(layout.FINDINGS, "findings", layout.Findings).findings

    def verdict(self) -> Verdict:
        """Return what ``write_derived`` stored last."""
        return self._derived(layout.VERDICT, "verdict", Verdict)

    def gate(self) -> GateResult:
        """Return what ``write_gate`` stored last."""
        return self._derived(layout.GATE, "gate", GateResult)

    def write_gate(self, result: GateResult) -> Path:
        """Store the last judgement of a gate in place of an earlier one; returns its file."""
        return write_gate(self.path, result)

    def _derived(self, name: str, kind: str, form: type[codec.T]) -> codec.T:
        path = self.path / name
        if not path.exists():
            raise StoreError(
                f"{path} is missing", remedy=f"Derive it from the raw data: `bench analyse {self.run_id}`."
            )
        return codec.load(path, kind, form)

    def write_derived(
        self, measurements: Sequence[Measurement], findings: Sequence[Finding], verdict: Verdict | None
    ) -> None:
        """Store what was derived, in place of what was derived before; without a verdict an older one is removed."""
        run_id, rows = self.run_id, tuple(measurements)
        files = {
            layout.MEASUREMENTS: codec.encode("measurements", layout.Measurements(run_id, rows)),
            layout.MEASUREMENTS_TABLE: encode_measurements(run_id, rows),
            layout.FINDINGS: codec.encode("findings", layout.Findings(tuple(findings))),
        }
        if verdict is not None:
            files[layout.VERDICT] = codec.encode("verdict", verdict)
        for name, data in files.items():
            replace_file(self.path / name, data)
        if verdict is None:
            with writing(self.path / layout.VERDICT):
                (self.path / layout.VERDICT).unlink(missing_ok=True)

    def write_patch_files(self, files: Mapping[str, str]) -> None:
        """Write what a tuning advises as files to use, by their names; raises ``StoreError``."""
        for name, text in files.items():
            check_name(name, "file")
            replace_file(self.path / name, text.encode())
