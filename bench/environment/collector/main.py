"""The collector's own process: reads from the window's begin to its end, then answers once."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

import psycopg

from bench.environment.collector.order import Begin, Gathered, Lost, Watching
from bench.environment.collector.pooler import PoolerReader
from bench.environment.collector.processes import Processes, read_memory
from bench.environment.collector.server import ServerReader, input_output, table_accesses, totals
from bench.load.tether import die_with
from bench.model.errors import BenchError
from bench.model.facts import Caveat
from bench.model.timeline import BACKENDS, POOLER, SERVER, WORKERS, Reading, Timeline

if TYPE_CHECKING:
    from bench.environment.collector.order import Order
    from bench.environment.collector.server import Sessions
    from bench.model.facts import PoolGauges

PSS_HIDDEN = Caveat(
    code="pss-unreadable",
    text="the kernel does not show us the proportional memory (PSS) of the server's processes",
    cure="Run as the servers' own account or with CAP_SYS_PTRACE; private memory (RSS less shared) is known anyway.",
)


class _Watch:
    """The readers of one trial, and what they have read."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._server = ServerReader(order)
        self._pooler = PoolerReader([console for console, _ in order.poolers], order.load) if order.poolers else None
        self._processes = Processes()
        self._groups: dict[str, list[int]] = {}
        self._readings: list[Reading] = []
        self._gauges: list[PoolGauges] = []
        self._autovacuumed: set[str] = set()

    def close(self) -> None:
        self._server.close()
        if self._pooler:
            self._pooler.close()

    def _group(self, sessions: Sessions, workers: tuple[int, ...]) -> dict[str, list[int]]:
        """Sort the process ids that are on this machine; those of somebody else's server may be another's numbers."""
        groups = {WORKERS: list(workers)}
        if self._order.server_pid is not None:
            groups[BACKENDS] = sessions.load_pids
            groups[SERVER] = [self._order.server_pid, *sessions.other_pids]
        if poolers := [pid for _, pid in self._order.poolers if pid is not None]:
            groups[POOLER] = poolers
        return groups

    def read(self, begin: Begin) -> None:
        t_ns = time.monotonic_ns() - begin.start_ns
        sessions = self._server.sessions()
        self._autovacuumed.update(sessions.autovacuumed)
        self._groups = self._group(sessions, begin.workers)
        used = self._processes.read(self._groups)
        totals_now: dict[str, int] = {}
        lists: dict[str, int] = {}
        if self._pooler:
            gauge = self._pooler.gauges(time.monotonic_ns() - begin.start_ns)
            if gauge is not None:
                self._gauges.append(gauge)
            totals_now, lists = self._pooler.totals(), self._pooler.lists()
        self._readings.append(
            Reading(
                t_ns=t_ns,
                waits=sessions.waits,
                events=sessions.events,
                locks_waiting=sessions.locks_waiting,
                locked=sessions.locked,
                blockers=sessions.blockers,
                others_active=sessions.others_active,
                autovacuum=sessions.autovacuum,
                processes={name: usage.processes for name, usage in used.items()},
                cpu_s={name: round(usage.cpu_s, 2) for name, usage in used.items()},
                rss_bytes={name: usage.rss_bytes for name, usage in used.items()},
                private_bytes={name: usage.private_bytes for name, usage in used.items()},
                pooler_totals=totals_now,
                pooler_lists=lists,
            )
        )

    def run(self, pipe: Connection, begin: Begin) -> Gathered:
        """Read until the end is announced; readings keep to their timetable, and one that is late is not made up."""
        used_s = time.process_time()
        since_ns, before = time.monotonic_ns(), self._server.counters()
        due_s = time.monotonic()
        while True:
            self.read(begin)
            due_s = max(due_s + self._order.period_s, time.monotonic())
            if pipe.poll(max(0.0, due_s - time.monotonic())):
                pipe.recv()
                break
        until_ns, after = time.monotonic_ns(), self._server.counters()
        used_s = time.process_time() - used_s
        memory = read_memory(self._groups)
        notes = list(self._server.notes)
        if any(group.pss_bytes is None for group in memory):
            notes.append(PSS_HIDDEN)
        timeline = Timeline(
            period_ns=round(self._order.period_s * 1e9),
            readings=tuple(self._readings),
            since_ns=since_ns - begin.start_ns,
            until_ns=until_ns - begin.start_ns,
            tables=table_accesses(before, after),
            io=input_output(before, after),
            wal=totals(before, after, "wal"),
            checkpoints=totals(before, after, "checkpoints"),
            autovacuumed=tuple(sorted(self._autovacuumed)),
            memory=memory,
            cpu_s=round(used_s, 4),
        )
        return Gathered(timeline, tuple(self._gauges), tuple(notes))


def _serve(pipe: Connection) -> Gathered | Lost:
    order: Order = pipe.recv()
    try:
        with contextlib.closing(_Watch(order)) as watch:
            pipe.send(Watching())
            begin = pipe.recv()
            return watch.run(pipe, begin) if isinstance(begin, Begin) else Gathered()
    except BenchError as error:
        return Lost(f"{error.problem} {error.evidence}".strip())
    except psycopg.Error as error:
        return Lost(" ".join(str(error).split()))


def main() -> None:
    """Serve one trial; the arguments are the file descriptor of the pipe and the parent's process id."""
    die_with(int(sys.argv[2]))
    pipe = Connection(int(sys.argv[1]))
    try:
        pipe.send(_serve(pipe))
    except (EOFError, BrokenPipeError):  # the parent is gone; nobody is left to tell
        os._exit(1)


if __name__ == "__main__":
    main()
