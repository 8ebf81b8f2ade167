"""`python -m tests.benchmarks.config_effect [PAIRS]`: what the generated postgresql.conf changes against the defaults.

Two servers with the same data (scale 1) run beside each other: one with PostgreSQL's built-in values, one with what
`bench config postgresql` prints for this machine. Scenarios run on them in turn, A B, B A, and the ratios of throughput
and response time are printed with their intervals. There is no goal: what the file brings here is what is asked. About
ten minutes with four pairs.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
from statistics import geometric_mean
from typing import TYPE_CHECKING

import msgspec
import psycopg
from psycopg import sql

from bench.analysis.configuration.inputs import Inputs
from bench.analysis.configuration.postgresql import recommend_postgresql
from bench.analysis.configuration.setting import same_value
from bench.analysis.measurement import ALL_OPERATIONS
from bench.environment import embedded, migrations
from bench.environment.dataset import provide_dataset
from bench.environment.embedded import Where, restart_server
from bench.experiment.configure import THIS_MACHINE, read_facts
from bench.model.scenario import Dataset
from bench.stats.replicates import paired_ratio
from tests.benchmarks.table import Row, words
from tests.conftest import CHECKOUT, make_open_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bench.analysis.configuration.setting import Configuration

PAIRS = 4
SCALE = 1
SCENARIOS = ("rating_lookup", "quote_lifecycle", "analytics_ingest")
BUILT_IN = {"shared_buffers": "128MB"}
"""The embedded server's own template differs from the built-in values in this and in what the harness needs to see."""
METRICS = ("throughput", "mean response time")


@contextlib.contextmanager
def _server(folder: Path, settings: dict[str, str]) -> Iterator[Where]:
    """Run servers with data and settings, each of which is read back."""
    built = CHECKOUT / ".bench" / "pgbouncer" / "bin" / "pgbouncer"
    where = Where(folder / ".bench", pgbouncer=built if built.is_file() else None)
    environment = embedded.up(where)
    try:
        migrations.upgrade(environment.admin.dsn())
        provide_dataset(environment.admin, Dataset(scale=SCALE), lambda _: None)
        with psycopg.connect(environment.admin.dsn(), autocommit=True) as connection:
            for name, value in settings.items():
                statement = sql.SQL("ALTER SYSTEM SET {} = {}").format(sql.Identifier(name), sql.Literal(value))
                connection.execute(statement)
        restart_server(environment, where)
        with psycopg.connect(environment.admin.dsn()) as connection:
            rows = connection.execute("SELECT name, setting, unit FROM pg_settings").fetchall()
        known = {name: (value, unit) for name, value, unit in rows}
        differing = {name: known[name] for name, value in settings.items() if not same_value(value, *known[name])}
        if differing:
            raise ValueError(f"not in force as written: {differing}")
        yield where
    finally:
        embedded.down(where)


def _run(where: Where, name: str, seed: int, folder: Path) -> tuple[float, float]:
    """Return throughput and mean response time of one trial, their geometric means where clients are swept."""
    command = [sys.executable, "-m", "bench", "run", str(CHECKOUT / "scenarios" / f"{name}.toml"), "--json", "--quick"]
    command += ["--state", str(where.state_root), "--replicates", "1", "--set", f"dataset.scale={SCALE}"]
    command += ["--sweep", "pool.size=8", "--set", f"run.seed={seed}", "--set", "run.window=4s", "--warn-only"]
    command += ["--results", str(folder / "results"), "--reports", str(folder / "reports")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=CHECKOUT)
    if done.returncode:
        raise ValueError(done.stderr)
    measured = json.loads((folder / "results" / json.loads(done.stdout)["run_id"] / "measurements.json").read_text())
    every = [one["metrics"] for one in measured["measurements"] if one["operation"] == ALL_OPERATIONS]
    throughput, response = (
        geometric_mean(metrics[name]["point"] for metrics in every) for name in ("throughput", "response_time.mean")
    )
    return throughput, response


def measure(name: str, sides: tuple[Where, Where], pairs: int, folder: Path) -> Row:
    """Compare one scenario on both servers."""
    seen: tuple[list[tuple[float, float]], list[tuple[float, float]]] = ([], [])
    for pair in range(pairs):
        for side in (0, 1) if pair % 2 == 0 else (1, 0):
            seen[side].append(_run(sides[side], name, pair + 1, folder))
    said = []
    for place, metric in enumerate(METRICS):
        ratio = paired_ratio([one[place] for one in seen[0]], [one[place] for one in seen[1]])
        said.append(f"{metric} {words(ratio)}")
    return Row(f"{name}, generated / built-in configuration", "; ".join(said), "none", met=None)


def main(pairs: int) -> None:
    """Print the settings and a row for each scenario."""
    configuration: Configuration = recommend_postgresql(
        msgspec.convert(read_facts(THIS_MACHINE, CHECKOUT / "results"), Inputs)
    )
    settings = {one.name: one.value for one in configuration.settings}
    sys.stdout.write("".join(f"{name} = {value}\n" for name, value in settings.items()))
    folders = [make_open_folder() for _ in range(2)]
    try:
        with _server(folders[0], BUILT_IN) as plain, _server(folders[1], settings) as generated:
            for name in SCENARIOS:
                row = measure(name, (plain, generated), pairs, folders[0])
                sys.stdout.write("\n".join(row.lines()) + "\n")
                sys.stdout.flush()
    finally:
        for folder in folders:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else PAIRS)
