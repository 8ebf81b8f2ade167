"""pgbench beside ours: what our driver adds to it, what the Python stack costs, and latency at a fixed rate."""

from __future__ import annotations

import re
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bench.load.pgbench_script import translate
from bench.stats.quantiles import quantiles
from tests.benchmarks.bed import alternate, best_python, rate_in_window
from tests.benchmarks.table import Row, rates, ratio_row

if TYPE_CHECKING:
    from bench.model.scenario import Scenario
    from tests.benchmarks.bed import Bed

SIZE, CLIENTS = 30, 50
WINDOW = {"run__warmup": "1s", "run__window": "4s"}


def run_bare(bed: Bed, scenario: Scenario, seed: int) -> float:
    """Return what plain pgbench says of itself, without a log."""
    scripts = translate(scenario.operation, bed.populations, np.random.default_rng(seed))
    endpoint = bed.environment.pooled
    with tempfile.TemporaryDirectory() as folder:
        command = [str(bed.environment.postgres.bindir / "pgbench"), "--no-vacuum", "--protocol=prepared"]
        command += [f"--client={SIZE}", "--jobs=2", "--time=5"]
        for index, script in enumerate(scripts):
            path = Path(folder) / f"{index}.sql"
            path.write_text(script.text)
            command += [f"--file={path}@{script.weight}", *(f"--define={k}={v}" for k, v in script.variables.items())]
        variables = {"PGHOST": endpoint.host, "PGPORT": str(endpoint.port), "PGDATABASE": endpoint.dbname}
        secrets = {"PGUSER": endpoint.user, "PGPASSWORD": endpoint.password}
        done = subprocess.run(command, env=variables | secrets, capture_output=True, text=True, check=True)
    found = re.search(r"tps = ([0-9.]+)", done.stdout)
    if found is None:
        raise ValueError(done.stdout)
    return float(found[1])


def driver_over_bare(bed: Bed, *, pairs: int) -> Row:
    """Compare our pgbench driver, which logs every transaction, with pgbench itself."""
    scenario = bed.scenario(pool__driver="pgbench", pool__size=SIZE, load__clients=SIZE, **WINDOW)
    ratio, bare, ours = alternate(
        lambda seed: run_bare(bed, scenario, seed), lambda seed: bed.throughput(scenario, seed), pairs
    )
    return ratio_row("`pgbench` driver / bare pgbench", ratio, 0.98, [rates("bare", bare), rates("ours", ours)])


def python_over_pgbench(bed: Bed, *, pairs: int) -> Row:
    """Compare the best Python driver with pgbench, both prepared, through the same pgBouncer."""
    best = best_python(bed, SIZE, CLIENTS)
    ceiling = bed.scenario(pool__driver="pgbench", pool__size=SIZE, load__clients=SIZE, **WINDOW)
    ratio, pgbench, ours = alternate(
        lambda seed: bed.throughput(ceiling, seed), lambda seed: bed.throughput(best, seed), pairs
    )
    what = "best Python driver / pgbench prepared, both through the same pgBouncer"
    return ratio_row(what, ratio, 0.7, [rates("pgbench", pgbench), rates("asyncpg-queue, two workers", ours)])


def open_loop(bed: Bed, *, pairs: int) -> Row:
    """Compare p50, p95 and p99 of the response time at 30 % of the capacity with `pgbench -R`."""
    closed = bed.scenario(pool__reset="none", pool__size=SIZE, load__clients=CLIENTS, pool__workers=2, **WINDOW)
    rate = round(0.3 * rate_in_window(bed.load(closed, 0), closed))
    shape = {"pool__size": SIZE, "run__warmup": "1s", "run__window": "5s"}
    ours = bed.open(f"{rate}/s", pool__reset="none", pool__workers=1, **shape)
    theirs = bed.open(f"{rate}/s", pool__driver="pgbench", **shape)
    table: dict[str, list[list[float]]] = {"ours": [], "pgbench": []}
    for pair in range(pairs):
        order = [("ours", ours), ("pgbench", theirs)]
        for name, scenario in order if pair % 2 == 0 else order[::-1]:
            samples = bed.load(scenario, pair).samples
            start = samples.intended_ns
            inside = samples.where((samples.outcome == 0) & (start >= scenario.run.warmup))
            values = quantiles(np.sort(inside.duration("response_time")), [0.5, 0.95, 0.99])
            table[name].append([value / 1e6 for value in values])
    medians = {name: np.median(np.array(rows), axis=0) for name, rows in table.items()}
    shares = medians["ours"] / medians["pgbench"]
    details = [f"{name}: p50 {m[0]:.3f} p95 {m[1]:.3f} p99 {m[2]:.3f} ms" for name, m in medians.items()]
    value = f"ours / pgbench at {rate}/s: p50 {shares[0]:.2f}, p95 {shares[1]:.2f}, p99 {shares[2]:.2f}"
    return Row(
        "open loop against `pgbench -R`",
        value,
        "within 10 %",
        met=bool(np.all(abs(shares - 1) <= 0.1)),
        details=details,
    )
