"""The side of the command line: starts the master and this machine's workers, and gives them the trials of a run."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from multiprocessing import Pipe
from typing import TYPE_CHECKING, Any, Self

import msgspec

from bench.load.job import DRAIN_NS, Failed
from bench.load.swarm.gathering import join
from bench.load.swarm.order import Abort, Listening, MasterSettings, Order, Prepared, WorkerSettings
from bench.load.workers import clean_environment
from bench.model.errors import SetupError

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from bench.design.parameters import Populations
    from bench.load.swarm.order import Gathered
    from bench.load.workers import Collected
    from bench.model.endpoint import Endpoint
    from bench.model.scenario import Scenario

LISTEN_S = 30.0
PREPARE_S = 90.0
GATHER_S = 45.0
FAREWELL_S = 5.0
AGAIN_S = 8.0
"""How long a later trial waits for workers that were there before: they need a moment to be ready again."""


@dataclass(frozen=True, slots=True)
class SwarmSpec:
    """Where a swarm's master listens and how many workers it has."""

    local: int
    """Workers started on this machine."""
    expected: int
    """Workers waited for, local ones included."""
    host: str = "127.0.0.1"
    port: int = 0
    """0 for any free one."""
    web: tuple[str, int] | None = None
    wait_s: float = 60.0
    """How long the first trial waits for all expected workers."""


def start_worker(settings: WorkerSettings, *, apart: bool = True) -> subprocess.Popen[bytes]:
    """Start a worker process of this machine, with its settings on a pipe; ``apart`` keeps Ctrl-C from it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.load.swarm.worker"],
        env=clean_environment(),
        stdin=subprocess.PIPE,
        start_new_session=apart,
    )
    if process.stdin is None:
        raise AssertionError("it was asked for")
    process.stdin.write(msgspec.json.encode(settings))
    process.stdin.close()
    return process


class Swarm:
    """A master and its workers, as a context: they stay for all trials of a run, and none is left behind."""

    def __init__(self, spec: SwarmSpec, direct: Endpoint, pooled: Endpoint | None) -> None:
        self.spec = spec
        self._direct = direct
        self._pooled = pooled
        self._pipe: Connection
        self._master: subprocess.Popen[bytes] | None = None
        self._workers: list[subprocess.Popen[bytes]] = []
        self._met = False
        self.port = 0

    def __enter__(self) -> Self:
        try:
            self._start_master()
            spec = self.spec
            host = "127.0.0.1" if spec.host in ("*", "0.0.0.0") else spec.host  # noqa: S104 - only compared
            for _ in range(spec.local):
                settings = WorkerSettings(host, self.port, os.getpid(), self._direct, self._pooled)
                self._workers.append(start_worker(settings))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        master, self._master = self._master, None
        if master is not None and self.spec.expected > self.spec.local:
            master.terminate()  # so that it can send the workers of other machines home
            with contextlib.suppress(subprocess.TimeoutExpired):
                master.wait(FAREWELL_S)
        for process in (*self._workers, *([master] if master else [])):
            process.kill()
            process.wait()
        self._workers.clear()
        if master is not None:
            self._pipe.close()

    def _start_master(self) -> None:
        self._pipe, theirs = Pipe()
        try:
            self._master = subprocess.Popen(
                [sys.executable, "-m", "bench.load.swarm.master", str(theirs.fileno()), str(os.getpid())],
                env=clean_environment(),
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # Ctrl-C reaches the parent alone, which then ends them in order
                stdin=subprocess.DEVNULL,
            )
        finally:
            theirs.close()
        self._pipe.send(MasterSettings(self.spec.host, self.spec.port, self.spec.web))
        answer = self.receive(LISTEN_S)
        if isinstance(answer, Listening):
            self.port = answer.port

    @property
    def pids(self) -> list[int]:
        """Process ids of this machine's workers."""
        return [process.pid for process in self._workers]

    def trial(self, scenario: Scenario, populations: Populations, seed: int, drain_ns: int = DRAIN_NS) -> SwarmTrial:
        """Return the load generator of one trial, not yet entered."""
        ended = [process for process in self._workers if process.poll() is not None]
        if ended and not self._met:
            raise SetupError(
                f"{len(ended)} of {len(self._workers)} workers of this machine ended before the first trial",
                evidence=f"exit status {ended[0].returncode}",
                remedy="Their own words stand above.",
            )
        expected = self.spec.expected - len(ended)
        wait_s = AGAIN_S if self._met else self.spec.wait_s
        least = 1 if self._met else self.spec.expected
        order = Order(scenario, populations, seed, drain_ns, expected, wait_s, least)
        return SwarmTrial(self, order)

    def met(self) -> None:
        """Note that all expected workers have been there."""
        self._met = True

    def send(self, message: Any) -> None:
        """Tell the master something."""
        try:
            self._pipe.send(message)
        except BrokenPipeError:
            raise self._master_ended() from None

    def receive(self, deadline_s: float) -> Any:
        """Wait for the master's answer; a failure or a silent master becomes a ``SetupError``."""
        try:
            if not self._pipe.poll(deadline_s):
                raise SetupError(
                    f"the master did not answer within {deadline_s:g} s",
                    remedy="Look for a machine without CPU time; `bench doctor` shows what runs.",
                )
            answer = self._pipe.recv()
        except (EOFError, ConnectionResetError):
            raise self._master_ended() from None
        if isinstance(answer, Failed):
            if answer.bug:
                raise RuntimeError(f"{answer.problem}\n{answer.evidence}")
            raise SetupError(answer.problem, evidence=answer.evidence, remedy=answer.remedy)
        return answer

    def _master_ended(self) -> SetupError:
        code = self._master.wait() if self._master else None
        return SetupError(
            "the master ended unexpectedly",
            evidence=f"exit status {code}",
            remedy="Its own words stand above; start the run again.",
        )


class SwarmTrial:
    """One trial, with the methods of ``bench.load.workers.Workers``."""

    def __init__(self, swarm: Swarm, order: Order) -> None:
        self._swarm = swarm
        self._order = order
        self._barrier_ns = 0
        self._waiting = False
        self.versions: dict[str, str] = {}
        self.start_ns = 0

    def __enter__(self) -> Self:
        self._swarm.send(self._order)
        prepared = self._swarm.receive(self._order.wait_s + PREPARE_S)
        if isinstance(prepared, Prepared):
            self._swarm.met()
            self._waiting = True
            self._barrier_ns = prepared.barrier_ns
            self.versions.update(prepared.versions)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._waiting and not self.start_ns:
            self._swarm.send(Abort())
        elif self._waiting and kind is not None and issubclass(kind, SetupError):
            self._receive()  # the run goes on, and the next trial must not take this one's answer for its own

    @property
    def pids(self) -> list[int]:
        """Process ids of this machine's workers."""
        return self._swarm.pids

    def start(self) -> int:
        """Release the barrier; returns the common start on this machine's monotonic clock in ns."""
        self.start_ns = time.monotonic_ns() + self._barrier_ns
        self._swarm.send(self.start_ns)
        return self.start_ns

    def mark_window(self) -> None:
        """Do nothing: workers account for themselves."""

    def collect(self) -> Collected:
        """Wait for the end of the window and the drain, then join what the workers sent."""
        gathered = self._receive()
        if all(worker.finished is None for worker in gathered.workers):
            failed = next((worker.failed for worker in gathered.workers if worker.failed), None)
            if failed is not None and failed.bug:
                raise RuntimeError(f"{failed.problem}\n{failed.evidence}")
            raise SetupError(
                f"all {len(gathered.workers)} workers were lost",
                evidence=failed.problem if failed else "none of them answered after the end of the trial",
                remedy="Look at their machines for why they ended; the run goes on with its other trials.",
            )
        return join(gathered, self._order.scenario, self._order.seed, self._swarm.spec.expected)

    def _receive(self) -> Gathered:
        run = self._order.scenario.run
        end_ns = self.start_ns + run.warmup + run.window + self._order.drain_ns
        self._waiting = False
        gathered: Gathered = self._swarm.receive((end_ns - time.monotonic_ns()) / 1e9 + GATHER_S)
        return gathered
