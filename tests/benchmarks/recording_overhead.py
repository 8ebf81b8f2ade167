"""What recording five instants costs: our generator against a hand-written loop, same pool, same query."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np

from bench.design.parameters import draw
from tests.benchmarks.bed import alternate, rate_in_window
from tests.benchmarks.table import rates, ratio_row

if TYPE_CHECKING:
    from bench.model.scenario import Scenario
    from tests.benchmarks.bed import Bed
    from tests.benchmarks.table import Row

ARGUMENT_SETS = 4096
CLIENTS, SIZE = 50, 30


def run_minimal(bed: Bed, scenario: Scenario, seed: int, cpu_us: list[float]) -> float:
    """Return the throughput of the hand-written loop in a process of its own; notes its CPU per operation."""
    operation = scenario.operation[0]
    rows = draw(operation.parameters, bed.populations, ARGUMENT_SETS, np.random.default_rng(seed))
    job = {
        "dsn": bed.environment.app.dsn(),
        "sql": operation.steps[0].sql,
        "arguments": [[value.isoformat() if isinstance(value, dt.date) else value for value in row] for row in rows],
        "dates": [index for index, value in enumerate(rows[0]) if isinstance(value, dt.date)],
        "size": SIZE,
        "clients": CLIENTS,
        "warmup_s": scenario.run.warmup.seconds,
        "window_s": scenario.run.window.seconds,
    }
    command = [sys.executable, "-m", "tests.benchmarks.minimal_loop"]
    done = subprocess.run(command, input=json.dumps(job), capture_output=True, text=True, check=True)
    answer = json.loads(done.stdout)
    cpu_us.append(answer["cpu_us"])
    return float(answer["rate"])


def run_ours(bed: Bed, scenario: Scenario, seed: int, cpu_us: list[float]) -> float:
    """Return the throughput of our generator; notes its CPU per operation."""
    collected = bed.load(scenario, seed)
    rate = rate_in_window(collected, scenario)
    cpu_us.append(sum(facts.cpu_s for facts in collected.workers) / (rate * scenario.run.window.seconds) * 1e6)
    return rate


def measure(bed: Bed, *, pairs: int) -> Row:
    """Compare one worker, direct to the server, with the loop."""
    scenario = bed.scenario(
        pool__workers=1, pool__size=SIZE, load__clients=CLIENTS, pooler__kind="none", run__warmup="1s", run__window="4s"
    )
    ours_us: list[float] = []
    minimal_us: list[float] = []
    ratio, minimal, ours = alternate(
        lambda seed: run_minimal(bed, scenario, seed, minimal_us),
        lambda seed: run_ours(bed, scenario, seed, ours_us),
        pairs,
    )
    cpu = f"CPU per operation: ours {np.median(ours_us):.1f} us, minimal {np.median(minimal_us):.1f} us (medians)"
    what = "our asyncpg generator / minimal hand-written asyncpg loop, same pool"
    return ratio_row(what, ratio, 0.98, [rates("minimal", minimal), rates("ours", ours), cpu])
