"""Our best Python driver beside Locust with psycopg_pool: two processes each, same query, same connections."""

from __future__ import annotations

import csv
import datetime as dt
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bench.design.parameters import draw
from tests.benchmarks.bed import CHECKOUT, alternate, best_python
from tests.benchmarks.table import rates, ratio_row

if TYPE_CHECKING:
    from bench.model.scenario import Scenario
    from tests.benchmarks.bed import Bed
    from tests.benchmarks.table import Row

SIZE, USERS, SECONDS = 30, 50, 6


def run_locust(bed: Bed, scenario: Scenario, seed: int) -> float:
    """Return Locust's own requests per second, start-up left out."""
    operation = scenario.operation[0]
    rows = draw(operation.parameters, bed.populations, 2048, np.random.default_rng(seed))
    arguments = [[value.isoformat() if isinstance(value, dt.date) else value for value in row] for row in rows]
    endpoint = bed.environment.pooled
    variables = {
        **os.environ,
        "LOCUST_JOB": json.dumps({"sql": operation.steps[0].sql, "arguments": arguments, "size": SIZE // 2}),
        "PGHOST": endpoint.host,
        "PGPORT": str(endpoint.port),
        "PGDATABASE": endpoint.dbname,
        "PGUSER": endpoint.user,
        "PGPASSWORD": endpoint.password,
    }
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "locust", "-f", str(CHECKOUT / "tests/benchmarks/peers/locust_lookup.py")]
        command += ["--headless", "--processes", "2", "-u", str(USERS), "-r", str(USERS), "-t", f"{SECONDS}s"]
        command += ["--reset-stats", "--csv", f"{folder}/out", "--loglevel", "ERROR"]
        subprocess.run(command, env=variables, capture_output=True, check=True, cwd=folder)
        with (Path(folder) / "out_stats.csv").open() as file:
            total = next(row for row in csv.DictReader(file) if row["Name"] == "Aggregated")
    return float(total["Requests/s"])


def measure(bed: Bed, *, pairs: int) -> Row:
    """Compare both through the same pgBouncer."""
    scenario = best_python(bed, SIZE, USERS)
    ratio, locust, ours = alternate(
        lambda seed: run_locust(bed, scenario, seed), lambda seed: bed.throughput(scenario, seed), pairs
    )
    what = "best Python driver, two workers / Locust + psycopg_pool, two processes"
    return ratio_row(what, ratio, 1.6, [rates("locust", locust), rates("ours", ours)])
