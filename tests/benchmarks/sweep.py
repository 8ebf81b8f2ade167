"""One sweep of pool sizes and clients by the command line, read back as values."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.experiment.derive import derive
from bench.experiment.progress import Silence
from tests.benchmarks.bed import CHECKOUT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.analysis.analyse import Analysis
    from bench.analysis.answer import SubjectAnswer


@dataclass(frozen=True, slots=True)
class Sweep:
    """What one sweep found, and how many trials that took."""

    analysis: Analysis
    trials: int

    @property
    def subject(self) -> SubjectAnswer:
        """The answer; nothing but sizes and clients is swept."""
        [subject] = self.analysis.answer.subjects
        return subject


def run_sweep(
    name: str, folder: Path, *options: str, sizes: Sequence[int], clients: Sequence[int], replicates: int
) -> Sweep:
    """Sweep a shipped scenario with windows of a second, which ``options`` may change."""
    command = [sys.executable, "-m", "bench", "run", str(CHECKOUT / "scenarios" / f"{name}.toml"), "--json"]
    command += ["--sweep", f"pool.size={','.join(map(str, sizes))}"]
    command += ["--sweep", f"load.clients={','.join(map(str, clients))}", "--replicates", str(replicates)]
    command += ["--set", "run.warmup=300ms", "--set", "run.window=1s"]
    command += ["--results", str(folder / "results"), "--reports", str(folder / "reports"), "--warn-only", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=CHECKOUT)
    if done.returncode:
        raise ValueError(done.stderr)
    found = json.loads(done.stdout)
    derived = derive(found["run_id"], folder / "results", folder / "reports", Silence())
    return Sweep(derived.analysis, len(json.loads((Path(found["path"]) / "plan.json").read_text())["trials"]))
