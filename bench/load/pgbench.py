"""pgbench as a load generator: the ceiling that every report can set the Python stack against.

pgbench has no pool: each client owns a connection. So there are as many clients as connections, at most ``pool.size``
and at most the scenario's clients, and pool wait is zero by construction. It throws rows away, so it cannot tell an
answer without rows; and it gives up a client for any error but a serialization failure or a deadlock.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from time import monotonic_ns
from typing import TYPE_CHECKING, Self

import numpy as np

from bench.load import pgbench_log
from bench.load.job import DRAIN_NS
from bench.load.pgbench_process import PgbenchProcess, Usage, version_of
from bench.load.pgbench_script import translate
from bench.load.workers import START_DEADLINE_S, Collected
from bench.model.errors import ScenarioError
from bench.model.facts import Caveat, WorkerFacts
from bench.model.sample import Samples
from bench.model.scenario import ClosedLoop, OpenLoop

if TYPE_CHECKING:
    from bench.design.parameters import Populations
    from bench.model.endpoint import Endpoint
    from bench.model.scenario import Scenario

PRIMING_NS = 300_000_000
"""Between the last connection and the start of the trial: pgbench prepares each statement when it first runs it."""
_DETAILS_FAILURES = 15
"""The first version that tells serialization failures from deadlocks, and goes on after them."""

_CUT_OFF = Caveat(
    code="pgbench-cut-off",
    text="pgbench was killed because operations in flight did not end; what it had not yet written down is lost",
    cure="Look for a frozen server or pooler, or use another driver: those lose nothing.",
    invalidates=True,
)


def _clients(scenario: Scenario) -> int:
    """Return the number of pgbench's clients; refuses what pgbench would quietly do otherwise."""
    if not scenario.pool.prewarm:
        raise ScenarioError(
            "the `pgbench` driver opens all its connections before the load",
            remedy="Leave `pool.prewarm` on, or use another driver for a cold start.",
        )
    match scenario.load:
        case ClosedLoop(think_time=0, clients=clients):
            return min(clients, scenario.pool.size)
        case ClosedLoop():
            raise ScenarioError(
                "the `pgbench` driver has no think time", remedy='Use `load.think_time = "0s"` or another driver.'
            )
        case OpenLoop(arrival="poisson", max_in_flight=places):
            return min(places, scenario.pool.size)
        case _:
            raise ScenarioError(
                "the `pgbench` driver knows the closed loop and Poisson arrivals only",
                remedy='Use `load.model = "closed"`, or `"open"` with `arrival = "poisson"`.',
            )


class Pgbench:
    """One pgbench process for one trial, with the same face as ``Workers``."""

    def __init__(
        self,
        binary: Path,
        endpoint: Endpoint,
        scenario: Scenario,
        populations: Populations,
        seed: int,
        cores: int,
        drain_ns: int = DRAIN_NS,
    ) -> None:
        self._clients = _clients(scenario)
        self._binary = binary
        self._endpoint = endpoint
        self._scenario = scenario
        self._scripts = translate(scenario.operation, populations, np.random.default_rng(seed), self._clients)
        self._seed = seed
        self._threads = max(1, min(cores, self._clients))
        self._drain_ns = drain_ns
        self._folder = tempfile.TemporaryDirectory(prefix="poolbench-pgbench-")
        self._process: PgbenchProcess | None = None
        self._usage: list[Usage] = []
        self.start_ns = 0
        self.versions: dict[str, str] = {}

    def __enter__(self) -> Self:
        self.versions["pgbench"] = version_of(self._binary)
        for index, script in enumerate(self._scripts):
            (Path(self._folder.name) / f"{index}.sql").write_text(script.text)
        return self

    def __exit__(self, *_: object) -> None:
        if self._process:
            self._process.kill()
        self._folder.cleanup()

    @property
    def pids(self) -> list[int]:
        """Process ids, for CPU accounting."""
        return [self._process.pid] if self._process else []

    @property
    def _running(self) -> PgbenchProcess:
        if self._process is None:
            raise RuntimeError("pgbench was not started")
        return self._process

    @property
    def _window_ns(self) -> tuple[int, int]:
        begin_ns = self.start_ns + self._scenario.run.warmup
        return begin_ns, begin_ns + self._scenario.run.window

    def _command(self) -> list[str]:
        scenario, folder = self._scenario, self._folder.name
        protocol = "prepared" if scenario.pool.statement_cache else "extended"
        command = [str(self._binary), "--no-vacuum", f"--protocol={protocol}", "--log", f"--log-prefix={folder}/log"]
        command += [f"--client={self._clients}", f"--jobs={self._threads}", f"--random-seed={self._seed}"]
        # A signal ends the trial, to the instant: pgbench counts whole seconds, from before it connects.
        command += [f"--time={round(START_DEADLINE_S + scenario.run.warmup.seconds + scenario.run.window.seconds + 1)}"]
        if int(self.versions["pgbench"].partition(".")[0]) >= _DETAILS_FAILURES:
            command += ["--failures-detailed"]
        if isinstance(scenario.load, OpenLoop):
            command += [f"--rate={float(scenario.load.rate):g}"]
        for index, script in enumerate(self._scripts):
            command += [f"--file={folder}/{index}.sql@{script.weight}"]
            command += [f"--define={name}={value}" for name, value in script.variables.items()]
        return command

    def start(self) -> int:
        """Start pgbench and wait until it has connected; returns the trial's start on the monotonic clock in ns."""
        self._process = PgbenchProcess(self._command(), self._endpoint, Path(self._folder.name))
        self._process.wait_connected(self._clients)
        self.start_ns = monotonic_ns() + PRIMING_NS
        return self.start_ns

    def watch_until(self, instant_ns: int) -> None:
        """Wait for an instant of the monotonic clock; raises ``SetupError`` at once if pgbench ends before it."""
        self._running.watch_until(instant_ns)

    def mark_window(self) -> None:
        """Take a reading of CPU and memory, because pgbench does not account for itself; the second ends the load."""
        if usage := self._running.usage():
            self._usage.append(usage)
        if len(self._usage) == 2:
            self._running.stop()

    def collect(self) -> Collected:
        """Wait for the end of the window and for what is in flight, then read the logs."""
        process = self._running
        process.watch_until(self._window_ns[1])
        process.stop()
        cut_off = not process.ends_within(self._drain_ns / 1e9)
        if cut_off:
            process.kill()
        aborts = pgbench_log.read_aborts(process.errors())
        if len(aborts) == self._clients:
            process.check_alive()
        logs = [np.empty((0, pgbench_log.WIDTH), np.int64), *map(pgbench_log.read_log, process.logs())]
        table = np.concatenate(logs)
        rows = self._rows(table, aborts, cut_off=cut_off)
        return Collected(
            Samples.concatenate([Samples.from_rows(rows, worker=0, start_ns=self.start_ns)]),
            (self._facts(table),),
            {abort.outcome: abort.said for abort in reversed(aborts)},
            ((_CUT_OFF,) if cut_off else ()) + tuple(self._doubts(aborts)),
        )

    def _rows(
        self, table: pgbench_log.Integers, aborts: tuple[pgbench_log.Aborted, ...], *, cut_off: bool
    ) -> pgbench_log.Integers:
        """Return what began within the trial: before its start was priming, after its end is nobody's business."""
        offset_ns = self._running.epoch_offset_ns
        operations = [script.operation for script in self._scripts]
        last_ns = pgbench_log.last_ends_ns(table, offset_ns)
        gone = {abort.client for abort in aborts}
        in_flight = [client for client in range(self._clients) if cut_off and client not in gone]
        rows = np.concatenate(
            [
                pgbench_log.to_rows(table, operations, offset_ns),
                pgbench_log.rows_of_aborts(aborts, operations, last_ns, self.start_ns),
                pgbench_log.rows_in_flight(in_flight, last_ns, self.start_ns),
            ]
        )
        return rows[(rows[:, 0] >= self.start_ns) & (rows[:, 0] < self._window_ns[1])]

    def _doubts(self, aborts: tuple[pgbench_log.Aborted, ...]) -> list[Caveat]:
        doubts = []
        if aborts:
            doubts.append(
                Caveat(
                    code="pgbench-lost-clients",
                    text=f"pgbench gave up {len(aborts)} of {self._clients} clients after an error, and went on with "
                    f"fewer: {aborts[0].said}",
                    cure="Correct what failed, or use another driver: those record the error and go on.",
                    invalidates=True,
                )
            )
        for number, operation in enumerate(self._scenario.operation):
            own = [script for script in self._scripts if script.operation == number]
            if len(own) < own[0].sets:
                doubts.append(
                    Caveat(
                        code="pgbench-few-arguments",
                        text=f"pgbench repeats {len(own)} of at least {own[0].sets:,} argument sets of operation "
                        f"{operation.name!r}: what they touch is more likely to be in cache",
                        cure="Compare with it only where the data fits in memory anyway.",
                    )
                )
        return doubts

    def _facts(self, table: pgbench_log.Integers) -> WorkerFacts:
        pooler = self._scenario.pooler
        # A pooler that tracks statements knows them by their text, a server by the name each script gives its own.
        by_text = pooler.kind != "none" and pooler.mode != "session"
        statements = [script.operation if by_text else index for index, script in enumerate(self._scripts)]
        before = table[pgbench_log.ended_ns(table, self._running.epoch_offset_ns) < self._window_ns[0]]
        nothing = Usage(0.0, 0.0, 0)
        first, last = (self._usage[0], self._usage[-1]) if self._usage else (nothing, nothing)
        return WorkerFacts(
            worker=0,
            pool_size=self._clients,
            clients=self._clients,
            cpu_s=last.cpu_s - first.cpu_s,
            wall_s=last.t_s - first.t_s,
            loop_lag_p50_ns=0,
            loop_lag_p99_ns=0,
            loop_lag_max_ns=0,
            gc_pauses=0,
            gc_pause_total_ns=0,
            connections_opened=0,
            rss_bytes=last.rss_bytes,
            executions_per_connection_min=pgbench_log.fewest_executions(before, self._clients, statements),
        )
