"""What observing costs: throughput with and without the collector and the readers of counters at both ends."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from bench.environment.collector.collecting import Collector
from bench.environment.collector.order import Order
from bench.environment.observation import Observation, PoolerObserver, ServerObserver
from bench.model.facts import TrialFacts
from tests.benchmarks.bed import alternate, rate_in_window
from tests.benchmarks.table import rates, ratio_row

if TYPE_CHECKING:
    from bench.load.workers import Collected
    from bench.model.scenario import Scenario
    from bench.model.timeline import Timeline
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
        collector.begin(start_ns, ())
        time.sleep(scenario.run.window.seconds)
        observation.mark_end()
        collector.end()
        observation.server.end(start_ns)
        if observation.pooler:
            observation.pooler.end(start_ns, mode="transaction", pool_size=30, max_prepared_statements=200)
        timelines.append(collector.gather().timeline)

    timelines: list[Timeline | None] = []
    server = ServerObserver(environment.admin, environment.app.user, server_pid)
    poolers = ((environment.pooler.console, pooler_pid),)
    pooler = PoolerObserver(poolers, environment.app)
    order = Order(environment.admin, environment.app, poolers, server_pid)
    with Collector(order) as collector, Observation(server, pooler) as observation:
        collector.wait_ready()
        rate = rate_in_window(bed.load(scenario, seed, during), scenario)
    if None in timelines:
        raise RuntimeError("the collector was lost, so its cost was not measured")
    return rate


def measure(bed: Bed, *, pairs: int) -> Row:
    """Compare with observers and without, through pgBouncer."""
    scenario = bed.scenario(pool__size=30, load__clients=50, pool__workers=2, run__warmup="1s", run__window="4s")
    ratio, off, on = alternate(
        lambda seed: bed.throughput(scenario, seed), lambda seed: _observed(bed, scenario, seed), pairs
    )
    return ratio_row("collectors on / off, throughput", ratio, 0.98, [rates("off", off), rates("on", on)])
