"""What observing costs: throughput with and without the readers of server and pooler counters."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from bench.environment.observation import Observation, PoolerObserver, ServerObserver
from bench.model.facts import TrialFacts
from tests.benchmarks.bed import alternate, rate_in_window
from tests.benchmarks.table import rates, ratio_row

if TYPE_CHECKING:
    from bench.load.workers import Collected
    from bench.model.scenario import Scenario
    from tests.benchmarks.bed import Bed
    from tests.benchmarks.table import Row


def bare_facts(scenario: Scenario, collected: Collected) -> TrialFacts:
    """Return the facts of a trial that nothing observed but its workers."""
    return TrialFacts(
        trial_id="t",
        started_utc="",
        window_start_ns=scenario.run.warmup,
        window_end_ns=scenario.run.warmup + scenario.run.window,
        operations=tuple(operation.name for operation in scenario.operation),
        workers=collected.workers,
        cores=2,
        load_average_1m=0.0,
    )


def _observed(bed: Bed, scenario: Scenario, seed: int) -> float:
    environment = bed.environment
    server_pid, pooler_pid = bed.server_pids()

    def during(start_ns: int) -> None:
        time.sleep(max(0.0, (start_ns + scenario.run.warmup - time.monotonic_ns()) / 1e9))
        observation.begin()
        time.sleep(scenario.run.window.seconds)
        observation.server.end(start_ns)
        if observation.pooler:
            observation.pooler.end(start_ns, mode="transaction", pool_size=30, max_prepared_statements=200)

    server = ServerObserver(environment.admin, environment.app.user, server_pid)
    pooler = PoolerObserver([(environment.pooler.console, pooler_pid)], environment.app)
    with Observation(server, pooler) as observation:
        return rate_in_window(bed.load(scenario, seed, during), scenario)


def measure(bed: Bed, *, pairs: int) -> Row:
    """Compare with observers and without, through pgBouncer."""
    scenario = bed.scenario(pool__size=30, load__clients=50, pool__workers=2, run__warmup="1s", run__window="4s")
    ratio, off, on = alternate(
        lambda seed: bed.throughput(scenario, seed), lambda seed: _observed(bed, scenario, seed), pairs
    )
    return ratio_row("collectors on / off, throughput", ratio, 0.98, [rates("off", off), rates("on", on)])
