"""What reads what others have written: each must refuse it with an error of ours, or take it, and do nothing else."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from bench.analysis.measurement import Verdict
from bench.analysis.tuning.candidate import Tuning
from bench.design.plan import Plan
from bench.environment.attached import read_options
from bench.experiment.derive import derive
from bench.experiment.progress import Silence
from bench.experiment.scenario_file import plan_scenario
from bench.model.errors import BenchError, ScenarioError, StoreError
from bench.model.facts import HostSummary, RunFacts, TrialFacts
from bench.model.levels import parse_setting, parse_sweep
from bench.model.limits import Limits
from bench.model.scenario_text import Overrides
from bench.store import codec, layout, runs
from bench.store.samples import decode_samples, encode_samples
from tests.conftest import CHECKOUT
from tests.fuzz.hostile import spoil_bytes, spoil_json, spoil_toml
from tests.store import examples

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

ANALYSED = 0.03
"""Share of the spoilt run folders that are analysed whole, which takes a second; the others are read."""
NOWHERE = Path("nowhere")
SCENARIOS = tuple(path.read_text() for path in sorted((CHECKOUT / "scenarios").glob("*.toml")))
SMALL = """
name = "small"
budgets = ["p95(response_time) < 1s"]
load = { model = "closed", clients = 2 }
run = { replicates = 2 }
[sweep]
"pool.size" = [1, 2]
[[operation]]
name = "rating_lookup"
sql = "SELECT $1::int"
parameters = [{ kind = "uniform", name = "n", low = 1, high = 5 }]
"""
OVERRIDES = ("pool.size=8", "run.window=5s", "pool.size=1,2,4..32", "load.clients=4..64+4", "operation.0.weight=2")
OPTIONS = ("-c search_path=app", "connections=7", "rate=50/s", "statement_timeout=2s", r"-c a=b\ c --d=e")


def fuzz_scenario(chance: random.Random) -> None:
    """A scenario file, with and without `--quick`."""
    text = spoil_toml(chance.choice((*SCENARIOS, SMALL)), chance)
    with contextlib.suppress(ScenarioError):
        plan_scenario(text, "fuzzed", Overrides(), quick=chance.random() < 0.3)


def fuzz_command_line(chance: random.Random) -> None:
    """Overrides, sweeps, limits and libpq's options as typed."""
    text = spoil_bytes(chance.choice((*OVERRIDES, *OPTIONS)).encode(), chance).decode(errors="replace")
    with contextlib.suppress(ScenarioError):
        parse_setting(text)
    with contextlib.suppress(ScenarioError):
        key, levels = parse_sweep(text)
        plan_scenario(SMALL, "fuzzed", Overrides(sweeps={key: levels}), quick=False)
    with contextlib.suppress(ScenarioError):
        read_options(text)
    with contextlib.suppress(ValueError):
        Limits.parse([text])


def _documents() -> dict[str, tuple[bytes, type]]:
    facts = examples.facts_of(examples.PLAN.trials[0])
    return {
        "run": (codec.encode("run", examples.RUN), RunFacts),
        "plan": (codec.encode("plan", examples.PLAN), Plan),
        "host": (codec.encode("host", examples.HOST), HostSummary),
        "facts": (codec.encode("facts", facts), TrialFacts),
        "plans": (codec.encode("plans", layout.Plans((examples.QUERY_PLAN,))), layout.Plans),
        "measurements": (
            codec.encode("measurements", layout.Measurements("r", (examples.MEASUREMENT,))),
            layout.Measurements,
        ),
        "findings": (codec.encode("findings", layout.Findings((examples.FINDING,))), layout.Findings),
        "verdict": (codec.encode("verdict", examples.VERDICT), Verdict),
        "tuning": (codec.encode("tuning", Tuning()), Tuning),
    }


DOCUMENTS = _documents()
SAMPLES = encode_samples(examples.samples_of(), "b01-t001", examples.OPERATIONS)


def fuzz_documents(chance: random.Random) -> None:
    """Each kind of JSON in a run folder."""
    kind, (data, form) = chance.choice(list(DOCUMENTS.items()))
    with contextlib.suppress(StoreError):
        codec.decode(spoil_json(data, chance), NOWHERE, kind, form)


def fuzz_samples(chance: random.Random) -> None:
    """The Parquet file of a trial."""
    with contextlib.suppress(StoreError):
        decode_samples(spoil_bytes(SAMPLES, chance), NOWHERE, "b01-t001")


class RunFolder:
    """A whole run folder, beside something that nobody may read, change or remove."""

    def __init__(self) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="poolbench-fuzz-"))
        self.outside = self.root / "outside"
        self.outside.mkdir()
        (self.outside / "secret").write_text("not for anybody")
        self._master = self.root / "master"
        self._master.mkdir()
        planned = plan_scenario(SMALL, "small", Overrides(), quick=False)
        with runs.create(self._master, examples.RUN, planned.text, planned.plan, examples.HOST) as writer:
            for trial in planned.plan.trials:
                facts = examples.facts_of(trial)
                load = planned.treated[trial.id].load
                writer.add_trial(trial, facts, examples.samples_of(), [examples.QUERY_PLAN], load)
            self.name = writer.finish().name
        self._state = self._outside()

    def _outside(self) -> dict[str, str]:
        return {str(path): path.read_text() for path in sorted(self.outside.rglob("*")) if path.is_file()}

    def close(self) -> None:
        """Remove everything."""
        shutil.rmtree(self.root)

    def fuzz(self, chance: random.Random) -> None:
        """Spoil a file or put something else in its place, then analyse, report and resume the run."""
        results, reports = self.root / "results", self.root / "reports"
        shutil.copytree(self._master, results, symlinks=True)
        try:
            self._read(results, reports, chance)
            strangers = {path.name for path in self.root.iterdir()} - {"outside", "master", "results", "reports"}
            written = [path.read_bytes() for path in reports.rglob("*") if path.is_file()]
        finally:
            shutil.rmtree(results)
            shutil.rmtree(reports, ignore_errors=True)
        if strangers or self._outside() != self._state:
            raise AssertionError(f"something was written outside: {strangers}")
        if any(b"not for anybody" in text for text in written):
            raise AssertionError("something was read outside")

    def _read(self, results: Path, reports: Path, chance: random.Random) -> None:
        run = results / self.name
        for _ in range(chance.randint(1, 2)):
            self._spoil(run, chance)
        with contextlib.suppress(BenchError):
            if chance.random() < ANALYSED:
                derive(run, results, reports, Silence())
            else:
                for stored in runs.open_run(run, results).trials():
                    _ = stored.failure or (stored.facts, stored.samples(), stored.plans())
        with contextlib.suppress(BenchError):
            unfinished = run.rename(run.with_name(run.name + layout.PARTIAL))
            with runs.resume(unfinished, results):
                pass

    def _spoil(self, run: Path, chance: random.Random) -> None:
        files = sorted(path for path in run.rglob("*") if path.is_file() and not path.is_symlink())
        if not files:
            return
        path = chance.choice(files)
        data = path.read_bytes()
        match chance.randrange(12):
            case 0:
                path.unlink()
            case 1:
                path.unlink()
                path.mkdir()
            case 2:
                path.unlink()
                path.symlink_to(self.outside / "secret")
            case 3:
                path.unlink()
                os.mkfifo(path)
            case 4:
                folder = path.parent
                if folder.parent.name == layout.TRIALS:
                    folder.rename(folder.with_name(chance.choice(("b9-", ".half-", "moved-")) + folder.name))
                    folder.symlink_to(self.outside)
            case 5 | 6 | 7 if path.suffix == ".json":
                path.write_bytes(spoil_json(data, chance))
            case 8 if path.suffix == ".toml":
                path.write_text(spoil_toml(data.decode(), chance), errors="replace")
            case _:
                path.write_bytes(spoil_bytes(data, chance))


def targets(folder: RunFolder) -> dict[str, Callable[[random.Random], None]]:
    """Return every target by its name."""
    return {
        "scenario": fuzz_scenario,
        "command line": fuzz_command_line,
        "documents": fuzz_documents,
        "samples": fuzz_samples,
        "run folder": folder.fuzz,
    }
