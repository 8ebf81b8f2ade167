"""pgbench beside ours: what our driver adds to it, what the Python stack costs, and latency at a fixed rate."""

from __future__ import annotations

import re
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bench.load.pgbench_script import translate
from bench.stats.estimate import Estimate
from bench.stats.quantiles import quantiles
from bench.stats.replicates import paired_ratio
from tests.benchmarks.bed import alternate, best_python, rate_in_window
from tests.benchmarks.table import Row, rates, ratio_row

if TYPE_CHECKING:
    import numpy.typing as npt

    from bench.model.scenario import Level, Scenario
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


def _percentiles_ms(bed: Bed, scenario: Scenario, seed: int) -> list[float]:
    samples = bed.load(scenario, seed).samples
    inside = samples.where((samples.outcome == 0) & (samples.intended_ns >= scenario.run.warmup))
    return [value / 1e6 for value in quantiles(np.sort(inside.duration("response_time")), [0.5, 0.95, 0.99])]


def open_loop(bed: Bed, *, pairs: int) -> Row:
    """Compare p50, p95 and p99 of the response time at 30 % of the capacity with `pgbench -R`."""
    closed = bed.scenario(pool__reset="none", pool__size=SIZE, load__clients=CLIENTS, pool__workers=2, **WINDOW)
    rate = round(0.3 * rate_in_window(bed.load(closed, 0), closed))
    shape: dict[str, Level] = {"pool__size": SIZE, "run__warmup": "1s", "run__window": "5s"}
    shapes = {
        "pgbench": bed.open(f"{rate}/s", pool__driver="pgbench", **shape),
        "asyncpg-queue": bed.open(f"{rate}/s", pool__driver="asyncpg-queue", pool__workers=1, **shape),
        "asyncpg": bed.open(f"{rate}/s", pool__reset="none", pool__workers=1, **shape),
    }
    found: dict[str, list[list[float]]] = {name: [] for name in shapes}
    for pair in range(pairs):
        for name in list(shapes) if pair % 2 == 0 else reversed(shapes):
            found[name].append(_percentiles_ms(bed, shapes[name], pair))
    peer = np.array(found["pgbench"])
    details = [
        f"{name}: p50 {m[0]:.3f} p95 {m[1]:.3f} p99 {m[2]:.3f} ms, / pgbench {_ratios(np.array(rows), peer)}"
        for name, rows in found.items()
        for m in [np.median(np.array(rows), axis=0)]
    ]
    ratios = [paired_ratio(list(peer[:, i]), list(np.array(found["asyncpg-queue"])[:, i])) for i in range(3)]
    met = all(isinstance(ratio, Estimate) and abs(ratio.point - 1) <= 0.1 for ratio in ratios)
    value = f"asyncpg-queue / pgbench at {rate}/s: {_ratios(np.array(found['asyncpg-queue']), peer)}"
    return Row("open loop against `pgbench -R`", value, "within 10 %", met=met, details=details)


def _ratios(ours: npt.NDArray[np.float64], peer: npt.NDArray[np.float64]) -> str:
    texts = []
    for column, name in enumerate(("p50", "p95", "p99")):
        ratio = paired_ratio(list(peer[:, column]), list(ours[:, column]))
        shown = f"{ratio.point:.2f} [{ratio.low:.2f}, {ratio.high:.2f}]" if isinstance(ratio, Estimate) else "?"
        texts.append(f"{name} {shown}")
    return ", ".join(texts)
