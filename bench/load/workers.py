"""The parent's side: starts the workers of one trial, holds the barrier, collects what they recorded."""

from __future__ import annotations

import contextlib
import errno
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from multiprocessing import Pipe
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Self

import numpy as np

from bench.load.job import DRAIN_NS, Done, Failed, Job, Ready, divide
from bench.load.recorder import COLUMNS
from bench.model.errors import SetupError
from bench.model.sample import Samples

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from bench.design.parameters import Populations
    from bench.load.job import Share
    from bench.model.endpoint import Endpoint
    from bench.model.facts import Caveat, WorkerFacts
    from bench.model.sample import Outcome
    from bench.model.scenario import Scenario

START_DEADLINE_S = 60.0
CONNECT_S = 0.02
"""What each connection may add to it: a SCRAM exchange costs client and pooler some milliseconds of CPU."""
BARRIER_NS = 50_000_000
"""The start lies this far ahead when it is announced, so that every worker hears of it in time."""


@dataclass(frozen=True, slots=True)
class Collected:
    """What all workers of a trial brought back. Instants count from ``start_ns``."""

    samples: Samples
    workers: tuple[WorkerFacts, ...]
    examples: dict[Outcome, str] = field(default_factory=dict)
    """What the first failed operation of each kind was told."""
    notes: tuple[Caveat, ...] = ()
    """What the generator could not do as the scenario asks."""


def default_workers(cores: int) -> int:
    """One worker per core, at most eight: one Python process saturates long before PostgreSQL does."""
    return max(1, min(cores, 8))


def clean_environment() -> dict[str, str]:
    """Return our environment without passwords: a worker is told where to connect over its pipe.

    ``PGOPTIONS`` goes too: libpq would obey it and asyncpg would not.
    """
    hidden = ("PGPASSWORD", "PGOPTIONS")
    return {name: value for name, value in os.environ.items() if name not in hidden and not name.startswith("BENCH_")}


def _cannot_start(worker: int, error: OSError) -> SetupError:
    return SetupError(
        f"worker {worker} cannot be started: {error.strerror}",
        evidence=errno.errorcode.get(error.errno or 0, type(error).__name__),
        remedy="Raise the limits of this machine (`ulimit -n`, `ulimit -u`, memory), or use fewer workers.",
    )


class _Worker:
    def __init__(self, share: Share) -> None:
        self.share = share
        self.pipe: Connection
        try:
            self.pipe, theirs = Pipe()
        except OSError as error:
            raise _cannot_start(share.worker, error) from None
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "bench.load.worker", str(theirs.fileno()), str(os.getpid())],
                env=clean_environment(),
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # Ctrl-C reaches the parent alone, which then ends the workers in order
                stdin=subprocess.DEVNULL,
            )
        except OSError as error:
            self.pipe.close()
            raise _cannot_start(share.worker, error) from None
        finally:
            theirs.close()

    def receive(self, deadline_s: float) -> Ready | Done:
        """Wait for the next message; a failure or a silent worker becomes a ``SetupError``."""
        try:
            if not self.pipe.poll(deadline_s):
                raise SetupError(
                    f"worker {self.share.worker} did not answer within {deadline_s:g} s",
                    remedy="Look for a frozen server or pooler; `bench doctor` shows what runs.",
                )
            message: Ready | Done | Failed = self.pipe.recv()
        except (EOFError, ConnectionResetError):
            code = self.process.wait()
            raise SetupError(
                f"worker {self.share.worker} ended unexpectedly",
                evidence=f"exit status {code}"
                + (" (killed, perhaps by the out-of-memory killer)" if code == -9 else ""),
                remedy="Give the machine more memory or use fewer workers (`--set pool.workers=1`).",
            ) from None
        if isinstance(message, Failed):
            if message.bug:
                raise RuntimeError(f"{message.problem}\n{message.evidence}")
            raise SetupError(message.problem, evidence=message.evidence, remedy=message.remedy)
        return message

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        self.pipe.close()


class Workers:
    """The workers of one trial, as a context: whatever happens, none is left behind."""

    def __init__(
        self,
        endpoint: Endpoint,
        scenario: Scenario,
        populations: Populations,
        seed: int,
        cores: int,
        drain_ns: int = DRAIN_NS,
    ) -> None:
        count = default_workers(cores) if scenario.pool.workers == "auto" else scenario.pool.workers
        self._scenario = scenario
        self._workers: list[_Worker] = []
        self._drain_ns = drain_ns
        self._jobs = [Job(endpoint, scenario, populations, share, seed, drain_ns) for share in divide(scenario, count)]
        self.versions: dict[str, str] = {}
        self.start_ns = 0

    def __enter__(self) -> Self:
        try:
            for job in self._jobs:
                self._workers.append(_Worker(job.share))
            for worker, job in zip(self._workers, self._jobs, strict=True):
                with contextlib.suppress(BrokenPipeError):  # `receive` tells why it died
                    worker.pipe.send(job)
            for worker in self._workers:
                ready = worker.receive(START_DEADLINE_S + CONNECT_S * self._scenario.pool.size)
                if isinstance(ready, Ready):
                    self.versions.update(ready.versions)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.end()

    @property
    def pids(self) -> list[int]:
        """Process ids, for CPU accounting."""
        return [worker.process.pid for worker in self._workers]

    def start(self) -> int:
        """Release the barrier; returns the common start on the monotonic clock in ns."""
        self.start_ns = time.monotonic_ns() + BARRIER_NS
        for worker in self._workers:
            with contextlib.suppress(BrokenPipeError):
                worker.pipe.send(self.start_ns)
        return self.start_ns

    def mark_window(self) -> None:
        """Do nothing: workers account for themselves."""

    def watch_until(self, instant_ns: int) -> None:
        """Wait for an instant of the monotonic clock; a worker that fails before it is a ``SetupError`` at once."""
        while (left_ns := instant_ns - time.monotonic_ns()) > 0:
            spoke = wait([worker.pipe for worker in self._workers], left_ns / 1e9)
            if time.monotonic_ns() >= instant_ns:  # a wait lasts whole milliseconds: what came after the end is no news
                return
            for worker in self._workers:
                if worker.pipe in spoke:
                    worker.receive(0)
                    raise RuntimeError(f"worker {worker.share.worker} answered before the end")

    def collect(self) -> Collected:
        """Wait for the end of the window and the drain, then join the workers' samples."""
        end_ns = self.start_ns + self._scenario.run.warmup + self._scenario.run.window
        self.watch_until(end_ns)
        deadline_s = (end_ns + self._drain_ns - time.monotonic_ns()) / 1e9 + 30
        answers = [worker.receive(deadline_s) for worker in self._workers]
        done = [answer for answer in answers if isinstance(answer, Done)]
        parts = [
            Samples.from_rows(
                np.frombuffer(answer.rows, dtype=np.int64).reshape(-1, COLUMNS),
                answer.facts.worker,
                self.start_ns,
            )
            for answer in done
        ]
        examples = {outcome: text for answer in reversed(done) for outcome, text in answer.examples.items()}
        return Collected(Samples.concatenate(parts), tuple(answer.facts for answer in done), examples)
