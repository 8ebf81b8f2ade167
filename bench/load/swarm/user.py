"""The scenario as a Locust user."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from locust import User, task
from locust.exception import StopUser
from locust.user.task import LOCUST_STATE_STOPPING

from bench.model.sample import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from locust.env import Environment

    from bench.load.swarm.performer import Row
    from bench.load.swarm.session import Session
    from bench.model.scenario import Scenario

_NS_PER_MS = 1e6


def build_user(session: Callable[[], Session], failed: Callable[[Exception], None]) -> type[User]:
    """Return a user class whose users live in the session of their process. ``failed`` hears of a bug of ours."""

    class ScenarioUser(User):
        """One client, user, or place in flight, by the scenario's load model."""

        @task
        def live(self) -> None:
            """Run operations, each when its time has come, until the session is over.

            One task for all of them: what Locust does between tasks would be time that no operation accounts for.
            """
            mine = session()
            with contextlib.closing(mine.enter()) as instants:
                for intended in instants:
                    try:
                        mine.perform(intended)
                    except Exception as error:  # noqa: BLE001 - a bug of ours, which Locust would only log
                        failed(error)
                        break
                    if self._state == LOCUST_STATE_STOPPING:
                        break
            raise StopUser

    return ScenarioUser


def show_operations(environment: Environment, scenario: Scenario) -> Callable[[Row], None]:
    """Return what tells Locust's statistics, and so its web page, of each operation, in ms as they expect."""
    names = [operation.name for operation in scenario.operation]
    fire: Callable[..., None] = environment.events.request.fire

    def listen(row: Row) -> None:
        intended, _, _, completed, _, operation, outcome = row
        if outcome == Outcome.UNFINISHED:  # cut off by whoever stopped the load, which Locust does not call a failure
            return
        fire(
            request_type="sql",
            name=names[operation],
            response_time=max(0, completed - intended) / _NS_PER_MS,
            response_length=0,
            exception=None if outcome == Outcome.OK else Outcome(outcome).label,
            context={},
        )

    return listen
