"""The parent's side: starts the workers of one trial, holds the barrier, collects what they recorded."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from dataclasses import dataclass
from multiprocessing import Pipe
from typing import TYPE_CHECKING, Self

import numpy as np

from bench.load.job import Done, Failed, Job, Ready, divide
from bench.load.recorder import COLUMNS
from bench.load.worker import DRAIN_NS
from bench.model.errors import SetupError
from bench.model.sample import Samples

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from bench.design.parameters import Populations
    from bench.load.job import Share
    from bench.model.endpoint import Endpoint
    from bench.model.facts import WorkerFacts
    from bench.model.scenario import Scenario

START_DEADLINE_S = 60.0
BARRIER_NS = 50_000_000
"""The start lies this far ahead when it is announced, so that every worker hears of it in time."""


@dataclass(frozen=True, slots=True)
class Collected:
    """What all workers of a trial brought back. Instants count from ``start_ns``."""

    samples: Samples
    workers: tuple[WorkerFacts, ...]


def default_workers(cores: int) -> int:
    """One worker per core, at most eight: one Python process saturates long before PostgreSQL does."""
    return max(1, min(cores, 8))


class _Worker:
    def __init__(self, share: Share) -> None:
        self.share = share
        self.pipe: Connection
        self.pipe, theirs = Pipe()
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "bench.load.worker", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # Ctrl-C reaches the parent alone, which then ends the workers in order
                stdin=subprocess.DEVNULL,
            )
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

    def __init__(self, endpoint: Endpoint, scenario: Scenario, populations: Populations, seed: int, cores: int) -> None:
        count = default_workers(cores) if scenario.pool.workers == "auto" else scenario.pool.workers
        self._scenario = scenario
        self._workers: list[_Worker] = []
        self._jobs = [Job(endpoint, scenario, populations, share, seed) for share in divide(scenario, count)]
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
                ready = worker.receive(START_DEADLINE_S)
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

    def collect(self) -> Collected:
        """Wait for the end of the window and the drain, then join the workers' samples."""
        end_ns = self.start_ns + self._scenario.run.warmup + self._scenario.run.window + DRAIN_NS
        deadline_s = (end_ns - time.monotonic_ns()) / 1e9 + 30
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
        return Collected(Samples.concatenate(parts), tuple(answer.facts for answer in done))
