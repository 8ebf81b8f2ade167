"""Small swarms for the tests: one trial of a scenario, with what happens to a worker in it."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

from bench.load.swarm.hive import Swarm, SwarmSpec

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.environment.embedded import Environment
    from bench.load.swarm.hive import SwarmTrial
    from bench.load.workers import Collected
    from bench.model.scenario import Scenario

DRAIN_NS = 500_000_000


def swarm(environment: Environment, workers: int = 2) -> Swarm:
    """Return a swarm of this machine, not yet entered."""
    return Swarm(SwarmSpec(workers, workers), environment.app, environment.pooled)


def run(swarm: Swarm, what: Scenario, during: Callable[[SwarmTrial], None] | None = None) -> Collected:
    """Run one trial to its end."""
    with swarm.trial(what, {}, 1, DRAIN_NS) as trial:
        trial.start()
        if during:
            during(trial)
        return trial.collect()


def kill(pid: int) -> None:
    """End a process as the out-of-memory killer does."""
    os.kill(pid, signal.SIGKILL)
