"""A worker process: Locust's worker runner, and our sessions that it carries from trial to trial."""

from __future__ import annotations

import logging
import platform
import sys
import time
from typing import TYPE_CHECKING, Any

import locust  # first: it patches the standard library before anything else uses it
import msgspec
from gevent.lock import RLock
from locust.env import Environment
from locust.exception import RPCError
from locust.runners import MASTER_HEARTBEAT_TIMEOUT

from bench.load.descriptors import raise_descriptor_limit
from bench.load.failure import describe_failure
from bench.load.job import Failed, Ready
from bench.load.swarm.order import WorkerSettings
from bench.load.swarm.pool import versions
from bench.load.swarm.session import Session
from bench.load.swarm.user import build_user, show_operations
from bench.load.swarm.wire import ANSWER, ASSIGN, CLOCK, END, SAME_VERSION, START, UNREADABLE, pack, unpack
from bench.load.tether import die_with
from bench.model.errors import BenchError, SetupError

if TYPE_CHECKING:
    from collections.abc import Callable

    from locust.runners import WorkerRunner

    from bench.load.swarm.wire import Answer, Assignment
    from bench.model.endpoint import Endpoint
    from bench.model.scenario import Scenario

UNREACHABLE = 3


class Worker:
    """Answers a master. ``address`` tells where a scenario's load goes, as this machine sees it."""

    def __init__(self, address: Callable[[Scenario], Endpoint]) -> None:
        self._address = address
        self._session: Session | None = None
        self._trial = 0
        self._number = 0
        self._endpoint: Endpoint | None = None
        self._lock = RLock()
        self._runner: WorkerRunner
        self.user_class = build_user(self.present, self.fail)

    def attach(self, runner: WorkerRunner) -> None:
        """Listen to the master of a runner."""
        self._runner = runner
        for kind, answer in ((ASSIGN, self._prepare), (START, self._run), (END, self._end)):
            runner.register_message(kind, answer, concurrent=True)
        runner.register_message(CLOCK, self._tell_time)

    @property
    def assigned(self) -> bool:
        """Whether a master has given this worker a trial."""
        return self._session is not None

    def present(self) -> Session:
        """Return the session of the present trial; raises ``SetupError`` without one."""
        if self._session is None:
            raise SetupError(
                "users were spawned before a trial was assigned",
                remedy="Start the load with `bench swarm --master`, which assigns the trials.",
            )
        return self._session

    def _send(self, answer: Answer) -> None:
        self._runner.send_message(ANSWER, {"trial": self._trial, "answer": pack(answer)})

    def fail(self, error: Exception) -> None:
        """Tell the master what went wrong."""
        endpoint = self._endpoint
        if endpoint is None:
            raise error
        self._send(describe_failure(self._number, endpoint, error))

    def _tell_time(self, environment: Environment, msg: Any) -> None:
        del environment
        self._runner.send_message(CLOCK, {"sent": msg.data["sent"], "there": time.monotonic_ns()})

    def _prepare(self, environment: Environment, msg: Any) -> None:
        with self._lock:
            self._leave()
            self._trial = msg.data["trial"]
            try:
                assignment: Assignment = unpack(msg.data["assignment"])
            except UNREADABLE as error:  # nobody else would tell the master, which waits for an answer
                host = platform.node()
                self._send(Failed(f"a worker on {host} cannot read its order", str(error), SAME_VERSION))
                return
            self._number = assignment.share.worker
            try:
                self._endpoint = self._address(assignment.scenario)
                self._session = Session(assignment, self._endpoint).__enter__()
            except BenchError as error:
                self._send(Failed(error.problem, error.evidence, error.remedy))
                return
            except Exception as error:  # noqa: BLE001 - whatever it is, the master must hear of it
                self.fail(error)
                return
            if assignment.shown:
                self._session.listener = show_operations(environment, assignment.scenario)
            self._send(Ready({"locust": locust.__version__, **versions()}))

    def _run(self, environment: Environment, msg: Any) -> None:
        del environment
        session = self._session
        if session is None or msg.data["trial"] != self._trial:
            return
        try:
            session.begin(msg.data["start_ns"])
            session.finish(self._send, self._cut_off)
        except Exception as error:  # noqa: BLE001 - the same
            self.fail(error)

    def _cut_off(self, wait_s: float) -> None:
        self._runner.user_greenlets.kill(timeout=wait_s)

    def _end(self, environment: Environment, msg: Any) -> None:
        del environment, msg
        with self._lock:
            self._leave()

    def _leave(self) -> None:
        if self._session is not None:
            self._session.__exit__()
            self._session = None


def _addresses(settings: WorkerSettings) -> Callable[[Scenario], Endpoint]:
    def address(scenario: Scenario) -> Endpoint:
        endpoint = settings.direct if scenario.pooler.kind == "none" else settings.pooled
        if endpoint is None:
            what, option = ("server", "--dsn") if scenario.pooler.kind == "none" else ("pooler", "--pooler-dsn")
            raise SetupError(
                f"a worker was not told where the {what} is",
                remedy=f"Start it with `bench swarm --worker {option} …`, as its own machine reaches the {what}.",
            )
        return endpoint

    return address


def main() -> None:
    """Serve a master until it says so or is gone; settings come as JSON on standard input."""
    settings = msgspec.json.decode(sys.stdin.buffer.read(), type=WorkerSettings)
    die_with(settings.parent)
    raise_descriptor_limit()
    logging.getLogger("locust").setLevel(logging.CRITICAL)  # what matters is told by the run's own caveats
    worker = Worker(_addresses(settings))
    environment = Environment(user_classes=[worker.user_class])
    try:
        runner = environment.create_worker_runner(settings.master_host, settings.master_port)
    except (OSError, RPCError) as error:
        sys.stderr.write(f"no master answers at {settings.master_host}:{settings.master_port}: {error}\n")
        sys.exit(UNREACHABLE)
    worker.attach(runner)
    runner.greenlet.join()
    heard = runner.last_heartbeat_timestamp
    if heard is not None and time.time() - heard > MASTER_HEARTBEAT_TIMEOUT:
        sys.stderr.write(f"the master at {settings.master_host}:{settings.master_port} has gone silent\n")
        sys.exit(UNREACHABLE)


if __name__ == "__main__":
    main()
