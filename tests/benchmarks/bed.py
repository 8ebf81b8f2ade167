"""The test bed of the benchmarks: embedded servers, seeded, and the rating lookup in any shape."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.environment import migrations
from bench.environment.dataset import provide_dataset
from bench.environment.embedded import Where, pids, session
from bench.environment.pooler_ini import PoolerSettings
from bench.environment.populations import read_populations
from bench.load.pgbench import Pgbench
from bench.load.workers import Workers
from bench.model.scenario import Dataset
from bench.model.scenario_text import decode, override, read_raw
from bench.stats.replicates import paired_ratio

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bench.design.parameters import Populations
    from bench.environment.embedded import Environment
    from bench.load.workers import Collected
    from bench.model.scenario import Level, Scenario
    from bench.stats.estimate import Estimate, Refused

CHECKOUT = Path(__file__).resolve().parents[2]
CORES = 2


@dataclass(frozen=True, slots=True)
class Bed:
    """Running servers with data."""

    environment: Environment
    where: Where
    text: str
    populations: Populations

    def scenario(self, **settings: Level) -> Scenario:
        """Return the rating lookup with ``pool__size=30`` and the like, without its sweep."""
        changes = {name.replace("__", "."): value for name, value in settings.items()}
        raw = override(read_raw(self.text, "benchmark"), changes, "benchmark")
        return decode(
            {key: value for key, value in raw.items() if key not in ("sweep", "quick", "budgets")}, "benchmark"
        )

    def open(self, rate: str, **settings: Level) -> Scenario:
        """Return the rating lookup as an open loop."""
        raw = read_raw(self.text, "benchmark")
        raw["load"] = {"model": "open", "rate": rate}
        changes = {name.replace("__", "."): value for name, value in settings.items()}
        raw = override(raw, changes, "benchmark")
        return decode(
            {key: value for key, value in raw.items() if key not in ("sweep", "quick", "budgets")}, "benchmark"
        )

    def load(self, scenario: Scenario, seed: int, during: Callable[[int], None] | None = None) -> Collected:
        """Run one trial; ``during`` is called with the start in ns once the load runs."""
        endpoint = self.environment.app
        if scenario.pooler.kind != "none":
            size = scenario.pooler.size or scenario.pool.size
            self.environment.pooler.apply(PoolerSettings(pool_size=size), endpoint.dbname)
            endpoint = self.environment.pooled
        if scenario.pool.driver == "pgbench":
            binary = self.environment.postgres.bindir / "pgbench"
            generator: Pgbench | Workers = Pgbench(binary, endpoint, scenario, self.populations, seed, CORES)
        else:
            generator = Workers(endpoint, scenario, self.populations, seed, CORES)
        with generator:
            start_ns = generator.start()
            if during:
                during(start_ns)
            return generator.collect()

    def throughput(self, scenario: Scenario, seed: int) -> float:
        """Return operations per second inside the window of one trial."""
        return rate_in_window(self.load(scenario, seed), scenario)

    def server_pids(self) -> tuple[int | None, int | None]:
        """Return the process ids of server and pooler."""
        return pids(self.environment, self.where)


def rate_in_window(collected: Collected, scenario: Scenario) -> float:
    """Return successful completions per second inside the window."""
    samples, run = collected.samples, scenario.run
    done = samples.completed_ns
    inside = (done >= run.warmup) & (done < run.warmup + run.window) & (samples.outcome == 0)
    return float(inside.sum()) / run.window.seconds


def alternate(
    baseline: Callable[[int], float], candidate: Callable[[int], float], pairs: int
) -> tuple[Estimate | Refused, list[float], list[float]]:
    """Measure in the order A B, B A, A B …; return candidate over baseline and both series."""
    first: list[float] = []
    second: list[float] = []
    for pair in range(pairs):
        if pair % 2:
            second.append(candidate(pair))
            first.append(baseline(pair))
        else:
            first.append(baseline(pair))
            second.append(candidate(pair))
    return paired_ratio(first, second), first, second


@contextlib.contextmanager
def test_bed() -> Iterator[Bed]:
    """Bring the servers up with data of scale 0.1."""
    where = Where(CHECKOUT / ".bench")
    text = (CHECKOUT / "scenarios" / "rating_lookup.toml").read_text()
    with session(where) as environment:
        migrations.upgrade(environment.admin.dsn())
        provide_dataset(environment.admin, Dataset(scale=0.1), print)
        raw = read_raw(text, "rating_lookup")
        operations = decode({k: v for k, v in raw.items() if k not in ("sweep", "quick")}, "rating_lookup").operation
        yield Bed(environment, where, text, read_populations(environment.app, operations))


def best_python(bed: Bed, size: int, clients: int) -> Scenario:
    """Return the shape in which Python is quickest: two workers, connections without the pool library's upkeep."""
    return bed.scenario(
        pool__driver="asyncpg-queue",
        pool__size=size,
        load__clients=clients,
        pool__workers=2,
        run__warmup="1s",
        run__window="4s",
    )
