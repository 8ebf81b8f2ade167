"""One trial: pooler as the treatment asks, workers at the barrier, counters read at both ends of the window."""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import attrgetter
from typing import TYPE_CHECKING

import msgspec

from bench.environment.collector.collecting import Collector
from bench.environment.collector.order import Order
from bench.environment.observation import Observation, PoolerObserver, ServerObserver
from bench.environment.pgpool_observation import PgpoolObserver
from bench.experiment.disturb import disturb
from bench.experiment.preflight import server_connections
from bench.load.pgbench import Pgbench
from bench.load.workers import Workers
from bench.model.errors import SetupError
from bench.model.facts import Caveat, TrialFacts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.design.parameters import Populations
    from bench.design.plan import Trial
    from bench.experiment.target import Target
    from bench.load.swarm.hive import Swarm, SwarmTrial
    from bench.model.facts import PoolerFacts, ServerFacts
    from bench.model.sample import Samples
    from bench.model.scenario import Scenario


@dataclass(frozen=True, slots=True)
class TrialRecord:
    """What one trial leaves: raw samples and facts."""

    trial: Trial
    samples: Samples
    facts: TrialFacts
    versions: dict[str, str]

    @property
    def throughput(self) -> float:
        """Operations completed per second inside the window, for progress only."""
        done, facts = self.samples.completed_ns, self.facts
        inside = (done >= facts.window_start_ns) & (done < facts.window_end_ns)
        return float(inside.sum()) / ((facts.window_end_ns - facts.window_start_ns) / 1e9)


def _sleep_until(instant_ns: int) -> None:
    while (left := instant_ns - time.monotonic_ns()) > 0:
        time.sleep(left / 1e9)


def _collector(target: Target, kind: str) -> Collector:
    poolers = target.poolers() if kind == "pgbouncer" else ()
    return Collector(Order(target.admin, target.direct, poolers, target.server_pid))


@contextlib.contextmanager
def _observe(target: Target, kind: str) -> Iterator[Observation]:
    with contextlib.ExitStack() as stack:
        server = ServerObserver(target.admin, target.direct.user, target.server_pid)
        stack.callback(server.close)
        pooler: PoolerObserver | PgpoolObserver | None = None
        if kind == "pgpool" and target.pgpool is not None:
            pooler = PgpoolObserver(target.pgpool)
        elif kind == "pgbouncer" and target.poolers():
            pooler = PoolerObserver(target.poolers(), target.direct)
            stack.callback(pooler.close)
        yield Observation(server, pooler)


def _choose_generator(
    target: Target, scenario: Scenario, trial: Trial, populations: Populations, swarm: Swarm | None
) -> Workers | Pgbench | SwarmTrial:
    endpoint = target.prepare(scenario)
    cores = len(os.sched_getaffinity(0))
    if scenario.pool.driver == "pgbench":
        return Pgbench(target.pgbench(), endpoint, scenario, populations, trial.seed, cores)
    if swarm is not None and scenario.pool.driver == "locust":
        return swarm.trial(scenario, populations, trial.seed)
    return Workers(endpoint, scenario, populations, trial.seed, cores)


def _read_counters(
    observation: Observation, scenario: Scenario, start_ns: int
) -> tuple[ServerFacts | None, PoolerFacts | None, tuple[Caveat, ...]]:
    """Return what server and pooler counted. Whoever went away meanwhile is a caveat: the samples stay."""
    lost: list[Caveat] = []
    pooler = server = None
    if observation.pooler:
        try:
            pooler = observation.pooler.end(
                start_ns,
                mode=scenario.pooler.mode,
                pool_size=server_connections(scenario),
                max_prepared_statements=scenario.pooler.max_prepared_statements,
            )
        except SetupError as error:
            restarted = any(one.kind == "restart_pooler" for one in scenario.disturbance)
            lost.append(_lost("pooler", error, on_purpose=restarted))
    try:
        server = observation.server.end(start_ns)
    except SetupError as error:
        lost.append(_lost("server", error, on_purpose=False))
    return server, pooler, tuple(lost)


def _lost(who: str, error: SetupError, *, on_purpose: bool) -> Caveat:
    return Caveat(
        code=f"{who}-lost",
        text=f"the {who} went away while the trial ran, and its counters with it: {error.evidence or error.problem}",
        cure=f"Look at the {who}'s log, then run the trial again: what it tells is how the load fared meanwhile.",
        invalidates=not on_purpose,
    )


def run_trial(
    target: Target, scenario: Scenario, trial: Trial, populations: Populations, swarm: Swarm | None = None
) -> TrialRecord:
    """Run one trial; raises ``SetupError`` where the load could not begin or a worker died.

    ``swarm`` carries the trials of the driver ``locust``.
    """
    kind = scenario.pooler.kind
    cores = len(os.sched_getaffinity(0))
    generator = _choose_generator(target, scenario, trial, populations, swarm)
    with _collector(target, kind) as collector, generator, _observe(target, kind) as observation:
        collector.wait_ready()
        started_utc = datetime.now(UTC).isoformat(timespec="milliseconds")
        start_ns = generator.start()
        _sleep_until(start_ns + scenario.run.warmup)
        observation.begin()
        collector.begin(start_ns, generator.pids)
        generator.mark_window()
        disturbed = []
        for disturbance in sorted(scenario.disturbance, key=attrgetter("at")):
            _sleep_until(start_ns + scenario.run.warmup + disturbance.at)
            disturbed.append(disturb(target, disturbance, start_ns))
        _sleep_until(start_ns + scenario.run.warmup + scenario.run.window)
        generator.mark_window()
        observation.mark_end()
        collector.end()
        server, pooler, lost = _read_counters(observation, scenario, start_ns)
        gathered = collector.gather()
        collected = generator.collect()
    facts = TrialFacts(
        trial_id=trial.id,
        started_utc=started_utc,
        window_start_ns=scenario.run.warmup,
        window_end_ns=scenario.run.warmup + scenario.run.window,
        operations=tuple(operation.name for operation in scenario.operation),
        workers=collected.workers,
        cores=cores,
        load_average_1m=os.getloadavg()[0],
        pooler=msgspec.structs.replace(pooler, gauges=gathered.gauges) if pooler else None,
        server=server,
        notes=(*target.caveats, *gathered.notes, *collected.notes, *lost),
        timeline=gathered.timeline,
        disturbed=tuple(disturbed),
    )
    versions = dict(generator.versions)
    if kind == "pgpool" and target.pgpool is not None:
        versions["pgpool"] = target.pgpool.version
    return TrialRecord(trial, collected.samples, facts, versions)
