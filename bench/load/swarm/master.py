"""The master process: Locust's master runner and, if asked for, its web page; it serves one trial after another."""

from __future__ import annotations

import functools
import logging
import os
import signal
import sys
import time
import traceback
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

import gevent
import locust  # noqa: F401 - it patches the standard library
from locust.env import Environment
from locust.exception import RPCError
from locust.runners import STATE_INIT, STATE_MISSING, STATE_STOPPED, STATE_STOPPING

from bench.load.job import Failed, divide
from bench.load.swarm.dispatch import FixedShares
from bench.load.swarm.member import CLOCK_ROUNDS, Member, host_of
from bench.load.swarm.order import Abort, Gathered, Listening, Order, Prepared
from bench.load.swarm.user import build_user
from bench.load.swarm.wire import ANSWER, ASSIGN, CLOCK, END, START, Assignment, pack
from bench.load.tether import die_with

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bench.load.swarm.order import MasterSettings

PREPARE_S = 60.0
CLOCK_S = 5.0
SILENT_S = 10.0
"""How long after the end of the drain a worker may keep silent; Locust misses a heartbeat after four seconds."""
BARRIER_NS = 50_000_000
_POLL_S = 0.02


class _GivenUp(Exception):  # noqa: N818 - it names what happened
    """The trial cannot go on."""

    def __init__(self, failed: Failed) -> None:
        super().__init__(failed.problem)
        self.failed = failed


class Master:
    """Runs what comes over the pipe."""

    def __init__(self, settings: MasterSettings, pipe: Connection) -> None:
        self._pipe = pipe
        self._shown = settings.web is not None
        self._shares: dict[str, int] = {}
        self._members: dict[str, Member] = {}
        self._seen: set[str] = set()
        self._trial = 0
        environment = Environment(
            user_classes=[build_user(_no_session, _raise)],
            dispatcher_class=functools.partial(FixedShares, self._shares),  # type: ignore[arg-type]  # called as the class is
        )
        self._runner = environment.create_master_runner(settings.host, settings.port)
        self._runner.master_bind_port = self._runner.server.port
        self._runner.register_message(ANSWER, self._hear)
        self._runner.register_message(CLOCK, self._hear_time)
        if settings.web is not None:
            environment.create_web_ui(*settings.web)
        gevent.signal_handler(signal.SIGTERM, self._quit)

    def serve(self) -> None:
        """Run orders until the pipe ends."""
        self._send(Listening(self._runner.server.port))
        while True:
            order = self._receive()
            if not isinstance(order, Order):
                continue  # an ``Abort`` that crossed our own failure
            try:
                self._serve(order)
            except _GivenUp as given_up:
                self._send(given_up.failed)
            except Exception as error:  # noqa: BLE001 - the parent must hear of it
                remedy = "This is a bug in poolbench; please report it with the traceback."
                self._send(Failed(f"the master failed: {error}", traceback.format_exc(), remedy, bug=True))
            finally:
                self._dismiss()

    def _quit(self) -> None:
        """Send all workers home and end."""
        self._runner.quit()
        os._exit(0)

    # The pipe would block all greenlets, so a thread waits at it.

    def _receive(self) -> Any:
        return gevent.get_hub().threadpool.apply(self._pipe.recv)

    def _send(self, answer: Any) -> None:
        gevent.get_hub().threadpool.apply(self._pipe.send, (answer,))

    # What workers say

    def _hear(self, environment: Environment, msg: Any) -> None:
        del environment
        member = self._members.get(msg.node_id)
        if member is not None and msg.data["trial"] == self._trial:
            member.hear(msg.data["answer"], time.monotonic_ns())

    def _hear_time(self, environment: Environment, msg: Any) -> None:
        del environment
        member = self._members.get(msg.node_id)
        if member is not None:
            member.hear_time(msg.data["sent"], msg.data["there"], time.monotonic_ns())

    # One trial

    def _serve(self, order: Order) -> None:
        self._trial += 1
        present = self._assemble(order)
        shares = divide(order.scenario, len(present))
        self._members = {client_id: Member(client_id, share) for client_id, share in zip(present, shares, strict=False)}
        members = list(self._members.values())
        idle = tuple(host_of(client_id) for client_id in present[len(shares) :])
        self._prepare(order, members)
        start_ns = self._receive()
        if isinstance(start_ns, Abort):
            return
        for member in members:
            data = {"trial": self._trial, "start_ns": start_ns + member.offset_ns}
            self._runner.send_message(START, data, member.client_id)
        end_ns = start_ns + order.scenario.run.warmup + order.scenario.run.window
        deadline_s = (end_ns + order.drain_ns - time.monotonic_ns()) / 1e9 + SILENT_S
        self._wait(lambda: self._is_over(members) or self._is_stopped(), deadline_s)
        if self._is_stopped() and not self._is_over(members):
            raise _GivenUp(
                Failed(
                    "the load was stopped on Locust's page before the trial was over",
                    "",
                    "Leave the page to show the load: the scenario states it.",
                )
            )
        late = tuple(host_of(client_id) for client_id in self._runner.clients if client_id not in self._seen)
        self._send(Gathered(tuple(member.give_back(start_ns) for member in members), late, idle))

    def _assemble(self, order: Order) -> list[str]:
        """Wait for the workers; returns the ids of those that are ready, in the order in which they first came."""
        clients = self._runner.clients
        self._wait(lambda: len(clients.ready) >= order.expected, order.wait_s)
        present = sorted((node.id for node in clients.ready), key=self._runner.get_worker_index)
        self._seen.update(clients)
        if len(present) < order.least:
            raise _GivenUp(
                Failed(
                    f"{len(present)} of {order.expected} workers connected within {order.wait_s:g} s",
                    f"the master listens on port {self._runner.server.port}",
                    "Start the missing ones: `bench swarm --worker --master-host HOST …`; look for a firewall between.",
                )
            )
        return present

    def _prepare(self, order: Order, members: Sequence[Member]) -> None:
        """Have every worker open its pool, learn its clock, and spawn all users, who wait for the start."""
        for member in members:
            assignment = Assignment(
                order.scenario, order.populations, member.share, order.seed, order.drain_ns, self._shown
            )
            data = {"trial": self._trial, "assignment": pack(assignment)}
            self._runner.send_message(ASSIGN, data, member.client_id)
        self._wait(lambda: all(each.ready or each.failed or self._is_gone(each) for each in members), PREPARE_S)
        for member in members:
            self._require(member)
        for done in range(1, CLOCK_ROUNDS + 1):
            for member in members:
                self._runner.send_message(CLOCK, {"sent": time.monotonic_ns()}, member.client_id)
            self._wait(functools.partial(_have_told_time, members, done), CLOCK_S, 0.0)
        self._shares.clear()
        self._shares.update({member.client_id: member.share.clients for member in members})
        users = sum(self._shares.values())
        self._runner.start(users, users)
        versions: dict[str, str] = {}
        for member in members:
            versions |= member.ready.versions if member.ready else {}
        barrier_ns = BARRIER_NS + 2 * max(member.round_trip_ns for member in members)
        self._send(Prepared(versions, len(members), barrier_ns))

    def _require(self, member: Member) -> None:
        if member.failed is not None:
            raise _GivenUp(member.failed)
        if member.ready is None:
            raise _GivenUp(
                Failed(
                    f"worker {member.share.worker} on {host_of(member.client_id)} was lost before the trial began",
                    "" if self._is_gone(member) else f"it did not answer within {PREPARE_S:g} s",
                    "Look at that machine; the run goes on with its other trials.",
                )
            )

    def _is_over(self, members: Sequence[Member]) -> bool:
        return all(member.complete or member.failed or self._is_gone(member) for member in members)

    def _is_stopped(self) -> bool:
        return self._runner.state in (STATE_STOPPING, STATE_STOPPED)

    def _is_gone(self, member: Member) -> bool:
        node = self._runner.clients.get(member.client_id)
        return node is None or node.state == STATE_MISSING

    def _wait(self, holds: Callable[[], bool], longest_s: float, poll_s: float = _POLL_S) -> None:
        deadline = time.monotonic() + longest_s
        while not holds() and time.monotonic() < deadline:
            gevent.sleep(poll_s)

    def _dismiss(self) -> None:
        """Take all users home, so that every worker is ready for the next trial."""
        if self._runner.state not in (STATE_INIT, STATE_STOPPING, STATE_STOPPED):
            for node in self._runner.clients.all:
                node.user_classes_count = {}  # as of the last report, seconds ago; Locust would wait for the next
            self._runner.stop()
        for member in self._members.values():
            self._runner.send_message(END, {}, member.client_id)
        self._members = {}


def _have_told_time(members: Sequence[Member], rounds: int) -> bool:
    return all(member.rounds >= rounds for member in members)


def _no_session() -> Any:
    raise AssertionError("a master has no users of its own")


def _raise(error: Exception) -> None:
    raise error


def main() -> None:
    """Serve one run; the arguments are the file descriptor of its pipe and the parent's process id."""
    die_with(int(sys.argv[2]))
    logging.getLogger("locust").setLevel(logging.CRITICAL)  # what matters is told by the run's own caveats
    pipe = Connection(int(sys.argv[1]))
    try:
        settings: MasterSettings = pipe.recv()
        try:
            master = Master(settings, pipe)
        except (OSError, RPCError, SystemExit) as error:
            remedy = "Choose other addresses with `--bind-host`, `--bind-port` and `--web-port`."
            pipe.send(Failed(f"the master cannot listen on {settings.host}:{settings.port}", str(error), remedy))
            return
        master.serve()
    except (EOFError, BrokenPipeError):  # the run is over, or the parent is gone
        os._exit(0)


if __name__ == "__main__":
    main()
