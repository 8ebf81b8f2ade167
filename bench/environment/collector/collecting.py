"""The trial's side of the collector: starts it, announces the window, and takes what it saw."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from multiprocessing import Pipe
from typing import TYPE_CHECKING, Self

from bench.environment.collector.order import Begin, End, Gathered, Lost
from bench.load.workers import clean_environment
from bench.model.facts import Caveat

if TYPE_CHECKING:
    from collections.abc import Iterable
    from multiprocessing.connection import Connection

    from bench.environment.collector.order import Order, Watching

START_DEADLINE_S = 30.0
END_DEADLINE_S = 15.0


class Collector:
    """One collector process for one trial, as a context. It never fails a trial: what it could not do is a caveat."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._pipe: Connection
        self._process: subprocess.Popen[bytes] | None = None
        self._lost = ""

    def __enter__(self) -> Self:
        self._pipe, theirs = Pipe()
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "bench.environment.collector.main", str(theirs.fileno()), str(os.getpid())],
                env=clean_environment(),
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # Ctrl-C reaches the parent alone, which then ends it in order
                stdin=subprocess.DEVNULL,
            )
        finally:
            theirs.close()
        self._send(self._order)
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        self._pipe.close()

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        return None if self._process is None else self._process.pid

    def wait_ready(self) -> None:
        """Wait until it is connected, so that no start-up falls into a trial."""
        self._receive(START_DEADLINE_S)

    def begin(self, start_ns: int, workers: Iterable[int]) -> None:
        """Announce the window of a trial that started at ``start_ns``."""
        self._send(Begin(start_ns, tuple(workers)))

    def end(self) -> None:
        """Announce the window's end, without waiting for what the collector still has to read."""
        self._send(End())

    def gather(self) -> Gathered:
        """Take what was seen."""
        answer = self._receive(END_DEADLINE_S)
        if isinstance(answer, Gathered):
            return answer
        caveat = Caveat(
            code="collector-lost",
            text=f"waits, pool gauges, memory and I/O of the window are unknown: {self._lost}",
            cure="See that server and pooler take one more connection each, and that the machine has memory left.",
        )
        return Gathered(notes=(caveat,))

    def _send(self, message: Order | Begin | End) -> None:
        with contextlib.suppress(BrokenPipeError):  # `_receive` tells why it died
            self._pipe.send(message)

    def _receive(self, deadline_s: float) -> Watching | Gathered | None:
        if self._lost:
            return None
        try:
            if not self._pipe.poll(deadline_s):
                self._lost = f"the collector did not answer within {deadline_s:g} s"
                return None
            answer: Watching | Gathered | Lost = self._pipe.recv()
        except (EOFError, ConnectionResetError):
            code = self._process.wait() if self._process else None
            self._lost = f"the collector ended with status {code}"
            return None
        if isinstance(answer, Lost):
            self._lost = answer.reason
            return None
        return answer
