"""A scenario in somebody's own locustfile, for `locust -f`.

    from bench.experiment.locustfile import user_class
    User = user_class("rating_lookup")

Locust then decides how many users there are and for how long, and shows its own statistics; there is no run folder.
The same file serves a master that is `bench swarm --master`: then the master's scenario and trials are what runs.

Where the database is comes from the environment: ``BENCH_APP_DSN`` and ``BENCH_POOLER_DSN`` as `bench env` prints them,
else libpq's own PG* variables, service and password files. A database without our marker gets read-only sessions, and
one that looks like production is refused unless ``BENCH_I_KNOW`` is set.
"""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

from locust import events
from locust.runners import MasterRunner, WorkerRunner

from bench.environment.attached import Attachment, attach
from bench.environment.populations import read_populations
from bench.environment.safeguard import guard_worker
from bench.experiment.scenario_file import read_scenario
from bench.experiment.swarm import on_locust
from bench.load.job import DRAIN_NS, Share
from bench.load.swarm.session import Session
from bench.load.swarm.user import build_user, show_operations
from bench.load.swarm.wire import Assignment
from bench.load.swarm.worker import Worker
from bench.model.errors import BenchError, ScenarioError
from bench.model.limits import Limits
from bench.model.scenario import OpenLoop
from bench.model.scenario_text import Overrides

if TYPE_CHECKING:
    from collections.abc import Mapping

    from locust import User
    from locust.env import Environment

    from bench.model.endpoint import Endpoint
    from bench.model.scenario import Level, Scenario

_LOG = logging.getLogger("poolbench")
COULD_NOT_RUN = 3


def user_class(name: str, settings: Mapping[str, Level] | None = None) -> type[User]:
    """Return the Locust user of a scenario (a file, or the name of a shipped one); raises ``ScenarioError``.

    ``settings`` are overrides such as ``{"pool.size": 8}``; a sweep is left out. ``pool.size``, and the rate of an open
    loop, are divided evenly over the workers that `--expect-workers` or `--processes` names.
    """
    changes = on_locust(Overrides(dict(settings or {})))
    scenario = read_scenario(name, changes, quick=False).scenario
    if isinstance(scenario.load, OpenLoop) and scenario.load.arrival == "ramp":
        raise ScenarioError(
            "a ramp needs an end, and plain Locust knows none", remedy="Use `bench swarm`, or another `load.arrival`."
        )
    guest = _Guest(scenario)
    for event, listener in (
        (events.init, guest.join),
        (events.test_start, guest.open),
        (events.test_stop, guest.close),
    ):
        event.add_listener(listener)  # type: ignore[no-untyped-call]  # Locust's
    return guest.user_class


class _Guest:
    """What this process does in somebody else's Locust."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._session: Session | None = None
        self._worker = Worker(_address)
        self.user_class = build_user(self._present, self._fail)

    def _present(self) -> Session:
        return self._session or self._worker.present()

    def _fail(self, error: Exception) -> None:
        if self._session is None:
            self._worker.fail(error)
        else:
            raise error

    def join(self, environment: Environment, **_: object) -> None:
        """Listen to a master of ours, if it is one."""
        if isinstance(environment.runner, WorkerRunner):
            self._worker.attach(environment.runner)

    def open(self, environment: Environment, **_: object) -> None:
        """Open the pool before the first user; without it there is no test."""
        if isinstance(environment.runner, MasterRunner) or self._worker.assigned:
            return
        try:
            endpoint = _address(self._scenario)
            populations = read_populations(endpoint, self._scenario.operation)
            share = _share(self._scenario, environment)
            assignment = Assignment(self._scenario, populations, share, self._scenario.run.seed, DRAIN_NS, shown=True)
            self._session = Session(assignment, endpoint).__enter__()
        except (BenchError, OSError) as error:
            _LOG.error("%s", error)
            environment.process_exit_code = COULD_NOT_RUN
            if environment.runner is not None:
                environment.runner.quit()
            return
        self._session.listener = show_operations(environment, self._scenario)
        self._session.stand()

    def close(self, **_: object) -> None:
        """Close the pool after the last user."""
        if self._session is not None:
            self._session.__exit__()
            self._session = None


def _address(scenario: Scenario) -> Endpoint:
    variable = "BENCH_APP_DSN" if scenario.pooler.kind == "none" else "BENCH_POOLER_DSN"
    with attach(Attachment(os.environ.get(variable, ""))) as reached:
        limits = Limits(i_know=bool(os.environ.get("BENCH_I_KNOW")))
        direct, pooled = guard_worker(reached.direct, reached.direct, limits)
        return direct if pooled is None or variable == "BENCH_APP_DSN" else pooled


def _share(scenario: Scenario, environment: Environment) -> Share:
    """Return this process's part: Locust spreads users evenly, so connections and rate are spread evenly too."""
    runner, options = environment.runner, environment.parsed_options
    worker, workers = 0, 1
    if isinstance(runner, WorkerRunner):
        workers = max(1, getattr(options, "expect_workers", 1), runner.worker_index + 1)
        worker = max(0, runner.worker_index)
    users = 0  # how many there are is Locust's to say
    return Share(worker, workers, max(1, scenario.pool.size // workers), users, 1 / workers)
