"""One trial in a worker process: pool, arguments and timetable, which all users of the process share."""

from __future__ import annotations

import contextlib
import gc
import itertools
from collections import Counter
from typing import TYPE_CHECKING, Self

import numpy as np
from gevent.event import Event

from bench.design.parameters import mix, stream
from bench.load.performer import needs_rows
from bench.load.probe import Probe
from bench.load.recorder import Recorder
from bench.load.swarm.arrivals import endless_starts, starts_of
from bench.load.swarm.attempts import attempt
from bench.load.swarm.instants import closed_loop, open_loop, thinking_user
from bench.load.swarm.performer import build_performer
from bench.load.swarm.pool import open_pool
from bench.load.swarm.priming import prime
from bench.load.swarm.timetable import GreenTimetable, sleep_until
from bench.load.swarm.wire import Finished, Part, pack_rows
from bench.model.facts import WorkerFacts
from bench.model.sample import MISSING_NS, Outcome
from bench.model.scenario import ClosedLoop, OpenLoop

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from bench.load.swarm.performer import Row
    from bench.load.swarm.wire import Assignment
    from bench.model.endpoint import Endpoint
    from bench.model.ports import Arguments
    from bench.model.scenario import UserLoop

PART_S = 0.25
"""How often samples leave the worker: what a lost one has not sent is lost, and packing many at once is a pause."""
CUT_OFF_S = 2.0
NEVER_NS = 2**62
_THINK_RING = 65_536


class Session:
    """One trial of this process. Users call ``enter``; the process calls ``begin``, then ``finish``."""

    def __init__(self, assignment: Assignment, endpoint: Endpoint) -> None:
        self._assignment = assignment
        self._endpoint = endpoint
        self._open = contextlib.ExitStack()
        self._recorder = Recorder()
        self._examples: dict[Outcome, str] = {}
        self._retries: Counter[str] = Counter()
        self._generator = np.random.default_rng([assignment.seed, assignment.share.worker])
        self._begun = Event()
        self._active = 0
        self._span_ns = (0, 0)
        self._starts_ns: Iterator[int] = iter(())
        self._thinks_ns: Iterator[int] = iter(())
        self._primed = 0
        self._sent = 0
        self._late_ns = 0
        self._kept = True
        self.listener: Callable[[Row], None] | None = None
        """Hears of every operation, for Locust's own statistics."""

    def __enter__(self) -> Self:
        """Open and prime the pool and draw the arguments; raises ``Refused`` and psycopg's errors."""
        scenario, share = self._assignment.scenario, self._assignment.share
        with contextlib.ExitStack() as opening:
            pool = opening.enter_context(open_pool(self._endpoint, scenario.pool, share.pool_size))
            self._timetable = opening.enter_context(GreenTimetable())
            acts = [
                attempt(operation, pool.compile(operation), pool.classify, self._retries)
                for operation in scenario.operation
            ]
            self._primed = prime(pool, share.pool_size, scenario, acts, self._arguments())
            self._retries.clear()
            self._opened = pool.opened
            self._perform = build_performer(
                now=self._timetable.now,
                pool=pool,
                mix=mix(scenario.operation, self._generator),
                acts=acts,
                arguments=self._arguments(),
                needs_rows=[needs_rows(operation) for operation in scenario.operation],
                record=self._record,
                examples=self._examples,
            )
            self._open = opening.pop_all()
        gc.collect()
        gc.freeze()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()
        gc.unfreeze()

    def _arguments(self) -> list[Iterator[Arguments]]:
        share, populations = self._assignment.share, self._assignment.populations
        operations = self._assignment.scenario.operation
        return [stream(op, populations, self._generator, share.worker, share.workers) for op in operations]

    def _record(self, row: Row) -> None:
        if self._kept:
            self._recorder.record(row)
        if self.listener is not None:
            self.listener(row)

    def begin(self, start_ns: int) -> None:
        """Let the users go at an instant of this machine's clock."""
        scenario, share = self._assignment.scenario, self._assignment.share
        self._late_ns = max(0, self._timetable.now() - start_ns)
        end_ns = start_ns + scenario.run.warmup + scenario.run.window
        self._span_ns = (start_ns, end_ns)
        load = scenario.load
        if isinstance(load, OpenLoop):
            starts = starts_of(load, share, self._assignment.seed, end_ns - start_ns) + start_ns
            self._starts_ns = iter(starts.tolist())
        elif not isinstance(load, ClosedLoop):
            self._thinks_ns = self._draw_thinks(load)
        self._probe = Probe(self._timetable, start_ns + scenario.run.warmup, end_ns, self._opened)
        self._open.enter_context(self._probe)
        self._begun.set()

    def stand(self) -> None:
        """Let the users go at once and without an end, as plain Locust does; samples go to the listener alone."""
        load, share = self._assignment.scenario.load, self._assignment.share
        start_ns = self._timetable.now()
        self._span_ns = (start_ns, NEVER_NS)
        self._kept = False
        if isinstance(load, OpenLoop):
            endless = endless_starts(load, share, self._assignment.seed)
            self._starts_ns = (start_ns + instant_ns for instant_ns in endless)
        elif not isinstance(load, ClosedLoop):
            self._thinks_ns = self._draw_thinks(load)
        self._begun.set()

    def _draw_thinks(self, load: UserLoop) -> Iterator[int]:
        drawn = self._generator.exponential(load.think_time, _THINK_RING).astype(np.int64).tolist()
        return itertools.cycle(drawn)

    def enter(self) -> Generator[int]:
        """Wait for the start; then give one user the intended starts of its operations, each when its time has come."""
        self._active += 1
        try:
            self._begun.wait()
            yield from self._instants()
        finally:
            self._active -= 1

    def _instants(self) -> Iterator[int]:
        start_ns, end_ns = self._span_ns
        match self._assignment.scenario.load:
            case ClosedLoop(think_time=think_ns):
                return closed_loop(self._timetable, start_ns, end_ns, think_ns)
            case OpenLoop():
                return open_loop(self._timetable, self._starts_ns, end_ns, self._not_sent)
            case _:
                return thinking_user(self._timetable, start_ns, end_ns, self._thinks_ns)

    def perform(self, intended_ns: int) -> None:
        """Run and record the next operation of the mix."""
        self._perform(intended_ns)

    def _not_sent(self, intended_ns: int) -> None:
        self._recorder.record((intended_ns, *[MISSING_NS] * 4, 0, int(Outcome.NOT_SENT)))

    def finish(self, send: Callable[[Part | Finished], None], cut_off: Callable[[float], None]) -> None:
        """Stay until the end of the trial, sending samples on the way; ``cut_off`` ends the users still at work."""
        _, end_ns = self._span_ns
        drained_ns = end_ns + self._assignment.drain_ns
        now = self._timetable.now
        parts = 0
        while now() < end_ns or (self._active and now() < drained_ns):
            sleep_until(self._timetable, min(now() + round(PART_S * 1e9), end_ns if now() < end_ns else drained_ns))
            parts += self._send_part(send, parts)
        cut_off(CUT_OFF_S)
        for intended_ns in self._starts_ns:
            self._not_sent(intended_ns)
        parts += self._send_part(send, parts)
        send(Finished(len(self._recorder), parts, self._late_ns, self._facts(), self._examples))

    def _send_part(self, send: Callable[[Part | Finished], None], position: int) -> bool:
        rows = self._recorder.rows()[self._sent :].copy()  # a view would keep the recorder from growing
        if not len(rows):
            return False
        instants = rows[:, :5]
        instants[instants != MISSING_NS] -= self._span_ns[0]
        self._sent += len(rows)
        send(Part(position, pack_rows(rows)))
        return True

    def _facts(self) -> WorkerFacts:
        probe, share = self._probe, self._assignment.share
        wall_s, cpu_s, opened = probe.window()
        pauses, paused_ns = probe.gc_pauses
        return WorkerFacts(
            worker=share.worker,
            pool_size=share.pool_size,
            clients=share.clients,
            cpu_s=cpu_s,
            queued_s=probe.queued_s(),
            wall_s=wall_s,
            loop_lag_p50_ns=probe.lag_ns(0.5),
            loop_lag_p99_ns=probe.lag_ns(0.99),
            loop_lag_max_ns=probe.lag_ns(1.0),
            gc_pauses=pauses,
            gc_pause_total_ns=paused_ns,
            connections_opened=opened,
            rss_bytes=probe.rss_bytes(),
            executions_per_connection_min=self._primed,
            retries=dict(self._retries),
        )
