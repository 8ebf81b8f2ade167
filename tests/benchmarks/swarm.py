"""A swarm of two workers beside the local run of the same offered rate: `python -m tests.benchmarks.swarm`.

Both offer 1,000 lookups a second through the same pgBouncer with the same library (psycopg), so what differs is what
drives it: asyncio on uvloop, or gevent under Locust. p50 and p95 must agree within 15 %, and the totals of the swarm
must be the sums over its workers and the arrivals that its rate makes due.
"""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

import numpy as np

from bench.environment.pooler_ini import PoolerSettings
from bench.load.swarm.hive import Swarm, SwarmSpec
from bench.model.sample import Outcome
from bench.stats.estimate import Estimate
from bench.stats.replicates import paired_ratio
from tests.benchmarks.bed import test_bed
from tests.benchmarks.table import Row

if TYPE_CHECKING:
    from bench.load.workers import Collected
    from bench.model.scenario import Scenario
    from tests.benchmarks.bed import Bed

RATE, SIZE = 1000, 16
MOST = 0.15
QUANTILES = {"p50": 0.5, "p95": 0.95}


def _scenario(bed: Bed, driver: str) -> Scenario:
    return bed.open(
        f"{RATE}/s",
        load__arrival="constant",
        pool__driver=driver,
        pool__size=SIZE,
        pool__workers=2,
        run__warmup="1s",
        run__window="5s",
    )


def _percentiles(collected: Collected, scenario: Scenario) -> dict[str, float]:
    """Return response times in ms of the operations that were due within the window."""
    samples, run = collected.samples, scenario.run
    due = (samples.intended_ns >= run.warmup) & (samples.outcome == Outcome.OK)
    times = samples.where(due).duration("response_time") / 1e6
    return {name: float(np.quantile(times, quantile)) for name, quantile in QUANTILES.items()}


def measure(bed: Bed, *, pairs: int) -> list[Row]:
    """Alternate both; return a row for the totals and one for each percentile."""
    local, distributed = _scenario(bed, "psycopg"), _scenario(bed, "locust")
    environment = bed.environment
    found: dict[str, list[dict[str, float]]] = {"psycopg": [], "locust": []}
    totals: list[str] = []
    whole = True
    with Swarm(SwarmSpec(2, 2), environment.app, environment.pooled) as swarm:
        for pair in range(pairs):
            for driver in ("psycopg", "locust") if pair % 2 else ("locust", "psycopg"):
                if driver == "psycopg":
                    collected = bed.load(local, pair)
                    found[driver].append(_percentiles(collected, local))
                    continue
                environment.pooler.apply(PoolerSettings(pool_size=SIZE), environment.pooled.dbname)
                with swarm.trial(distributed, bed.populations, pair) as trial:
                    trial.start()
                    collected = trial.collect()
                found[driver].append(_percentiles(collected, distributed))
                by_worker = np.bincount(collected.samples.worker).tolist()
                due = RATE * (distributed.run.warmup + distributed.run.window) / 1e9
                whole &= abs(sum(by_worker) - due) <= len(by_worker) and not collected.notes
                totals.append(f"{' + '.join(map(str, by_worker))} = {sum(by_worker)} of {due:.0f} due")
    rows = [Row("swarm of two workers: every arrival is on the books", "; ".join(totals), "all", met=whole)]
    for name in QUANTILES:
        ours, theirs = ([one[name] for one in found[driver]] for driver in ("psycopg", "locust"))
        ratio = paired_ratio(ours, theirs)
        details = [
            f"{what}: " + " ".join(f"{value:.2f}" for value in values) + " ms"
            for what, values in (("local psycopg", ours), ("swarm", theirs))
        ]
        what = f"response time {name}, swarm of two workers / local run at {RATE}/s"
        if not isinstance(ratio, Estimate):
            rows.append(Row(what, ratio.reason, f"within {MOST:.0%}", met=False, details=details))
            continue
        value = f"{ratio.point:.3f} [{ratio.low:.3f}, {ratio.high:.3f}], {ratio.n} pairs"
        rows.append(Row(what, value, f"within {MOST:.0%}", met=abs(ratio.point - 1) <= MOST, details=details))
    return rows


def main() -> None:
    """Print the rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=6)
    options = parser.parse_args()
    sys.stdout.write(f"load average before: {os.getloadavg()[0]:.2f}\n")
    with test_bed() as bed:
        for row in measure(bed, pairs=options.pairs):
            sys.stdout.write("\n".join(row.lines()) + "\n")


if __name__ == "__main__":
    main()
