"""Does to the embedded servers what a scenario declares, while the load runs; never to somebody else's."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

from bench.environment.connection import connected
from bench.model.disturbance import Disturbed
from bench.model.errors import ScenarioError, SetupError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bench.environment.embedded import Environment
    from bench.experiment.target import Target
    from bench.model.disturbance import Disturbance
    from bench.model.scenario import Scenario

DROP = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = %s AND pid <> pg_backend_pid()"


def check_disturbances(environment: Environment | None, scenarios: Iterable[Scenario]) -> None:
    """Refuse, before anything runs, to disturb servers that are not our own to break."""
    kinds = {one.kind for scenario in scenarios for one in scenario.disturbance}
    if kinds and environment is None:
        raise ScenarioError(
            "the scenario breaks things on purpose, and an attached server is never disturbed",
            evidence=f"`disturbance`: {', '.join(sorted(kinds))}",
            remedy="Leave out `--dsn`: the embedded servers are there to be broken. Or leave out `disturbance`.",
        )
    if environment is not None and "restart_pooler" in kinds and environment.pooler.process is None:
        raise SetupError(
            "the pooler that is running belongs to `bench up`, and a run restarts only its own",
            remedy="Stop it with `bench down`: `bench run` then starts its own.",
        )


def disturb(target: Target, disturbance: Disturbance, start_ns: int) -> Disturbed:
    """Do one thing now, in the thread that starts processes: pgBouncer dies with it. Raises ``SetupError``."""
    environment = target.environment
    if environment is None:
        raise SetupError("an attached server is never disturbed", remedy="Leave out `disturbance`.")
    since_ns = time.monotonic_ns() - start_ns
    match disturbance.kind:
        case "restart_pooler":
            environment.pooler.restart(disturbance.lasts.seconds)
        case "pause_pooler":
            _pause(environment, disturbance.lasts.seconds)
        case "drop_connections":
            with connected(target.admin) as connection:
                connection.execute(DROP, [target.direct.user])
    return Disturbed(kind=disturbance.kind, since_ns=since_ns, until_ns=time.monotonic_ns() - start_ns)


def _pause(environment: Environment, lasts_s: float) -> None:
    """Hold all clients of the load's database back; what is under way ends first."""
    with contextlib.ExitStack() as stack:
        for console in environment.pooler.consoles:
            connection = stack.enter_context(connected(console))
            connection.execute(f"PAUSE {environment.pooled.dbname}".encode())
            stack.callback(connection.execute, f"RESUME {environment.pooled.dbname}".encode())
        time.sleep(lasts_s)
