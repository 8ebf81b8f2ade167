"""Small swarms for the tests: one trial of a scenario, with what happens to a worker in it."""

from __future__ import annotations

import dataclasses
import os
import signal
import socket
from typing import TYPE_CHECKING, Any

from bench.load.swarm.hive import Swarm, SwarmSpec

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.environment.embedded import Environment
    from bench.load.swarm.hive import SwarmTrial
    from bench.load.workers import Collected
    from bench.model.scenario import Scenario

DRAIN_NS = 500_000_000


def swarm(environment: Environment, **settings: Any) -> Swarm:
    """Return a swarm with two workers of this machine, not yet entered."""
    spec = dataclasses.replace(SwarmSpec(2, 2), **settings)
    return Swarm(spec, environment.app, environment.pooled)


def free_port() -> int:
    """Return a port that nobody listens on at the moment."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


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
