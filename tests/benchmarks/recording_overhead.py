"""What recording five instants costs: our generator against the hand-written loop, same pool, same query."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np

from bench.design.parameters import draw
from bench.load.workers import Workers
from bench.model.scenario_text import override, read_raw, decode
from bench.stats.replicates import paired_ratio

if TYPE_CHECKING:
    from bench.design.parameters import Populations
    from bench.model.endpoint import Endpoint
    from bench.model.scenario import Scenario
    from bench.stats.estimate import Estimate, Refused

ARGUMENT_SETS = 4096


def one_worker(text: str, *, clients: int, size: int, warmup: str, window: str) -> Scenario:
    """Return the scenario with one worker and a fixed shape."""
    settings = {"pool.workers": 1, "pool.size": size, "load.clients": clients, "run.warmup": warmup, "run.window": window}
    raw = read_raw(text, "benchmark")
    return decode({k: v for k, v in override(raw, settings, "benchmark").items() if k not in ("sweep", "quick")}, "benchmark")


def run_ours(endpoint: Endpoint, scenario: Scenario, populations: Populations, seed: int) -> float:
    """Return the throughput of our generator."""
    with Workers(endpoint, scenario, populations, seed, 1) as workers:
        workers.start()
        samples = workers.collect().samples
    done = samples.completed_ns
    inside = (done >= scenario.run.warmup) & (done < scenario.run.warmup + scenario.run.window) & (samples.outcome == 0)
    return float(inside.sum()) / scenario.run.window.seconds


def run_minimal(endpoint: Endpoint, scenario: Scenario, populations: Populations, seed: int) -> float:
    """Return the throughput of the hand-written loop."""
    operation = scenario.operation[0]
    rows = draw(operation.parameters, populations, ARGUMENT_SETS, np.random.default_rng(seed))
    job = {
        "dsn": endpoint.dsn(),
        "sql": operation.steps[0].sql,
        "arguments": [[value.isoformat() if isinstance(value, dt.date) else value for value in row] for row in rows],
        "dates": [index for index, value in enumerate(rows[0]) if isinstance(value, dt.date)],
        "size": scenario.pool.size,
        "clients": scenario.load.clients,  # type: ignore[union-attr]  # the benchmark's scenario is a closed loop
        "warmup_s": scenario.run.warmup.seconds,
        "window_s": scenario.run.window.seconds,
    }
    command = [sys.executable, "-m", "tests.benchmarks.minimal_loop"]
    done = subprocess.run(command, input=json.dumps(job), capture_output=True, text=True, check=True)
    return float(done.stdout)


def compare(
    endpoint: Endpoint, scenario: Scenario, populations: Populations, pairs: int
) -> tuple[Estimate | Refused, list[float], list[float]]:
    """Return ours over minimal, measured in alternating order (A B, B A, …), and both series."""
    ours, minimal = [], []
    for pair in range(pairs):
        order = (run_ours, run_minimal) if pair % 2 == 0 else (run_minimal, run_ours)
        for measure in order:
            (ours if measure is run_ours else minimal).append(measure(endpoint, scenario, populations, pair))
    return paired_ratio(minimal, ours), ours, minimal
