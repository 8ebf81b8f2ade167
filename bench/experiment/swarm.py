"""The swarm of a run: who listens where, and how many workers there are."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from bench.load.swarm.hive import Swarm, SwarmSpec
from bench.load.workers import default_workers
from bench.model.scenario_text import Overrides

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bench.experiment.progress import Progress
    from bench.experiment.target import Target
    from bench.model.scenario import Scenario

DRIVER = "locust"


def on_locust(overrides: Overrides) -> Overrides:
    """Return the overrides with the driver that a swarm is."""
    return overrides.then(Overrides({"pool.driver": DRIVER}))


def local_spec(scenario: Scenario) -> SwarmSpec:
    """Return a swarm of this machine alone, with the workers that the scenario asks for."""
    workers = scenario.pool.workers
    count = default_workers(len(os.sched_getaffinity(0))) if workers == "auto" else workers
    return SwarmSpec(local=count, expected=count)


@contextlib.contextmanager
def open_swarm(
    spec: SwarmSpec | None, scenarios: Iterable[Scenario], target: Target, progress: Progress
) -> Iterator[Swarm | None]:
    """Start the swarm if any trial needs one."""
    needing = next((scenario for scenario in scenarios if scenario.pool.driver == DRIVER), None)
    if needing is None:
        yield None
        return
    spec = spec or local_spec(needing)
    if spec.port:  # known before, so that workers elsewhere can be told
        progress.note(f"waiting up to {spec.wait_s:g} s for {spec.expected} workers on port {spec.port}")
    with Swarm(spec, target.direct, target.pooled) as swarm:
        if spec.web is not None:
            progress.note(f"Locust's page: http://{spec.web[0]}:{spec.web[1]}/")
        yield swarm
