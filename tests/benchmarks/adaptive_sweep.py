"""The adaptive search beside the whole grid of 8 pool sizes and 8 numbers of clients, both on the real server."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.experiment.derive import derive
from bench.experiment.progress import Silence
from tests.benchmarks.bed import CHECKOUT
from tests.benchmarks.table import Row

SIZES = (1, 2, 3, 4, 8, 16, 30, 60)
CLIENTS = (2, 5, 10, 20, 30, 50, 75, 100)
REPLICATES = 3


def _answer(folder: Path, *options: str) -> tuple[int | None, int, float]:
    """Run the sweep; return the recommended size, the trials it took and its throughput there."""
    command = [sys.executable, "-m", "bench", "run", str(CHECKOUT / "scenarios" / "rating_lookup.toml"), "--json"]
    command += ["--sweep", f"pool.size={','.join(map(str, SIZES))}"]
    command += ["--sweep", f"load.clients={','.join(map(str, CLIENTS))}", "--replicates", str(REPLICATES)]
    command += ["--set", "run.warmup=300ms", "--set", "run.window=1s", "--set", "pool.reset=none"]
    command += ["--results", str(folder / "results"), "--reports", str(folder / "reports"), "--warn-only", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=CHECKOUT)
    if done.returncode:
        raise ValueError(done.stderr)
    found = json.loads(done.stdout)
    derived = derive(found["run_id"], folder / "results", folder / "reports", Silence())
    [subject] = derived.analysis.answer.subjects
    trials = len(json.loads((Path(found["path"]) / "plan.json").read_text())["trials"])
    best = max(
        one.metrics["throughput"].point
        for one in derived.analysis.measurements
        if one.operation == "*" and one.treatment["pool.size"] == subject.recommended
    )
    return subject.recommended, trials, best


def measure() -> Row:
    """Compare answers and costs."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        whole, all_trials, whole_rate = _answer(folder)
        found, trials, found_rate = _answer(folder, "--adaptive")
    steps = abs(SIZES.index(whole) - SIZES.index(found)) if whole in SIZES and found in SIZES else None
    share = trials / all_trials
    return Row(
        f"adaptive sweep against the full grid ({len(SIZES)} x {len(CLIENTS)}, {REPLICATES} replicates)",
        f"pool of {found} against {whole}, {steps} step(s) apart, {trials} of {all_trials} trials ({share:.0%})",
        "within one step, <= 40 %",
        met=steps is not None and steps <= 1 and share <= 0.4,
        details=[f"best throughput at the answer: {found_rate:,.0f}/s adaptive, {whole_rate:,.0f}/s in the grid"],
    )
