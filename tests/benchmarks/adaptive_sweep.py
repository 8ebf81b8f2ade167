"""The adaptive search beside the whole grid of 8 pool sizes and 8 numbers of clients, both on the real server."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.benchmarks.sweep import run_sweep
from tests.benchmarks.table import Row

SIZES = (1, 2, 3, 4, 8, 16, 30, 60)
CLIENTS = (2, 5, 10, 20, 30, 50, 75, 100)
REPLICATES = 3


def _answer(folder: Path, *options: str) -> tuple[int | None, int, float]:
    """Run the sweep; return the recommended size, the trials it took and its throughput there."""
    found = run_sweep(
        "rating_lookup",
        folder,
        *("--set", "pool.reset=none"),
        *options,
        sizes=SIZES,
        clients=CLIENTS,
        replicates=REPLICATES,
    )
    recommended = found.subject.recommended
    best = max(
        one.metrics["throughput"].point
        for one in found.analysis.measurements
        if one.operation == "*" and one.treatment["pool.size"] == recommended
    )
    return recommended, found.trials, best


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
