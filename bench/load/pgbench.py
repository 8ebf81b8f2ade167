"""pgbench as a load generator: the ceiling that every report can set the Python stack against.

pgbench has no pool: each client owns a connection. So ``pool.size`` is its number of clients, whatever the scenario's
clients are, and pool wait is zero by construction.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
import psutil

from bench.load.pgbench_script import translate
from bench.load.workers import Collected
from bench.model.errors import ScenarioError, SetupError
from bench.model.facts import WorkerFacts
from bench.model.sample import Outcome, Samples
from bench.model.scenario import ClosedLoop, OpenLoop

if TYPE_CHECKING:
    from bench.design.parameters import Populations
    from bench.model.endpoint import Endpoint
    from bench.model.scenario import Scenario

PRIMING_S = 0.3
"""pgbench connects and prepares before it logs; the warm-up of the scenario follows."""
_US = 1_000


def _parse(line: str) -> tuple[int, int, int, int, int]:
    """Return script, seconds, microseconds, latency or -1 for a failed transaction, and lag, all in microseconds."""
    _, _, latency, script, seconds, micros, *lag = line.split()
    lag_us = int(lag[0]) if lag and lag[0].isdigit() else 0
    return int(script), int(seconds), int(micros), int(latency) if latency.isdigit() else -1, lag_us


class Pgbench:
    """One pgbench process for one trial, with the same face as ``Workers``."""

    def __init__(
        self, binary: Path, endpoint: Endpoint, scenario: Scenario, populations: Populations, seed: int, cores: int
    ) -> None:
        if isinstance(scenario.load, ClosedLoop) and scenario.load.think_time:
            raise ScenarioError(
                "the `pgbench` driver has no think time", remedy='Use `load.think_time = "0s"` or another driver.'
            )
        if (
            not isinstance(scenario.load, ClosedLoop | OpenLoop)
            or getattr(scenario.load, "arrival", "poisson") != "poisson"
        ):
            raise ScenarioError(
                "the `pgbench` driver knows the closed loop and Poisson arrivals only",
                remedy='Use `load.model = "closed"`, or `"open"` with `arrival = "poisson"`.',
            )
        self._binary = binary
        self._endpoint = endpoint
        self._scenario = scenario
        self._scripts = translate(scenario.operation, populations, np.random.default_rng(seed))
        self._seed = seed
        self._threads = max(1, min(cores, scenario.pool.size))
        self._folder = tempfile.TemporaryDirectory(prefix="poolbench-pgbench-")
        self._process: subprocess.Popen[str] | None = None
        self._cpu_s: list[float] = []
        self.start_ns = 0
        self.versions: dict[str, str] = {}

    def __enter__(self) -> Self:
        version = subprocess.run([self._binary, "--version"], capture_output=True, text=True, check=True)
        self.versions["pgbench"] = version.stdout.split()[-1]
        for index, script in enumerate(self._scripts):
            (Path(self._folder.name) / f"{index}.sql").write_text(script.text)
        return self

    def __exit__(self, *_: object) -> None:
        if self._process and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._folder.cleanup()

    @property
    def pids(self) -> list[int]:
        """Process ids, for CPU accounting."""
        return [self._process.pid] if self._process else []

    def _command(self, length_s: float) -> list[str]:
        folder = self._folder.name
        command = [str(self._binary), "--no-vacuum", "--protocol=prepared", "--log", f"--log-prefix={folder}/log"]
        command += [f"--client={self._scenario.pool.size}", f"--jobs={self._threads}", f"--random-seed={self._seed}"]
        command += [f"--time={max(1, round(length_s + 0.5))}"]
        if isinstance(self._scenario.load, OpenLoop):
            command += [f"--rate={float(self._scenario.load.rate):g}"]
        for index, script in enumerate(self._scripts):
            command += [f"--file={folder}/{index}.sql@{script.weight}"]
            command += [f"--define={name}={value}" for name, value in script.variables.items()]
        return command

    def start(self) -> int:
        """Start pgbench; returns the start of the trial on the monotonic clock in ns."""
        run = self._scenario.run
        endpoint = self._endpoint
        environment = {
            **os.environ,
            "PGHOST": endpoint.host,
            "PGPORT": str(endpoint.port),
            "PGDATABASE": endpoint.dbname,
            "PGUSER": endpoint.user,
            "PGPASSWORD": endpoint.password,
        }
        self.start_ns = time.monotonic_ns() + round(PRIMING_S * 1e9)
        self._process = subprocess.Popen(
            self._command(PRIMING_S + run.warmup.seconds + run.window.seconds),
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        return self.start_ns

    def mark_window(self) -> None:
        """Take a CPU reading; called at both ends of the window, because pgbench does not account for itself."""
        if self._process:
            times = psutil.Process(self._process.pid).cpu_times()
            self._cpu_s.append(times.user + times.system)

    def collect(self) -> Collected:
        """Wait for pgbench and read its logs."""
        if self._process is None:
            raise RuntimeError("collect before start")
        offset_ns = time.time_ns() - time.monotonic_ns()
        _, errors = self._process.communicate(timeout=self._scenario.run.window.seconds + 120)
        if self._process.returncode not in (0, 2):  # 2: some clients were aborted; what they did is in the log
            raise SetupError(
                f"pgbench ended with status {self._process.returncode}",
                evidence=" | ".join(errors.strip().splitlines()[-3:]),
                remedy="Check that server and pooler run and allow so many connections; `bench doctor` helps.",
            )
        return Collected(self._read(offset_ns), (self._facts(),))

    def _read(self, offset_ns: int) -> Samples:
        """Parse ``client transaction latency_us script epoch_s epoch_us [lag_us]``; the instant is that of the end."""
        parts = [
            np.array([_parse(line) for line in log.read_text().splitlines()], dtype=np.int64).reshape(-1, 5)
            for log in sorted(Path(self._folder.name).glob("log.*"))
        ]
        table = np.concatenate(parts) if parts else np.empty((0, 5), dtype=np.int64)
        script, seconds, micros, latency_us, lag_us = table.T
        operations = np.array([each.operation for each in self._scripts], dtype=np.int64)
        ended = (seconds * 1_000_000 + micros) * _US - offset_ns
        intended = np.where(latency_us >= 0, ended - latency_us * _US, ended)
        dispatched = intended + lag_us * _US
        outcome = np.where(latency_us >= 0, int(Outcome.OK), int(Outcome.SQL_ERROR))
        columns = [intended, dispatched, dispatched, ended, ended, operations[script], outcome]
        return Samples.concatenate([Samples.from_rows(np.stack(columns, axis=1), worker=0, start_ns=self.start_ns)])

    def _facts(self) -> WorkerFacts:
        cpu_s = self._cpu_s[-1] - self._cpu_s[0] if len(self._cpu_s) > 1 else 0.0
        return WorkerFacts(
            worker=0,
            pool_size=self._scenario.pool.size,
            clients=self._scenario.pool.size,
            cpu_s=cpu_s,
            wall_s=self._scenario.run.window.seconds,
            loop_lag_p50_ns=0,
            loop_lag_p99_ns=0,
            loop_lag_max_ns=0,
            gc_pauses=0,
            gc_pause_total_ns=0,
            connections_opened=0,
            rss_bytes=0,
            executions_per_connection_min=6,
        )
