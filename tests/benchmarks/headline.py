"""The audit's shape, measured: pool of 30 through pgBouncer, 50 and 100 clients, beside 5,619/s and 989 ms."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bench.stats.quantiles import quantiles
from bench.stats.replicates import mean_interval
from tests.benchmarks.bed import rate_in_window
from tests.benchmarks.table import Row

if TYPE_CHECKING:
    from tests.benchmarks.bed import Bed

REPLICATES = 5


def measure(bed: Bed) -> list[Row]:
    """Measure asyncpg as it comes (default reset) and without its reset query."""
    rows = []
    for clients in (50, 100):
        for reset in ("default", "none"):
            scenario = bed.scenario(
                pool__size=30, load__clients=clients, pool__reset=reset, run__warmup="1s", run__window="4s"
            )
            throughputs, tails = [], []
            for seed in range(REPLICATES):
                collected = bed.load(scenario, seed)
                throughputs.append(rate_in_window(collected, scenario))
                done = collected.samples
                inside = done.where((done.outcome == 0) & (done.completed_ns >= scenario.run.warmup))
                tails.append(quantiles(np.sort(inside.duration("response_time")), [0.95])[0] / 1e6)
            x, r = mean_interval(throughputs, unit="1/s"), mean_interval(tails, unit="ms")
            value = f"{x.point:,.0f}/s [{x.low:,.0f}, {x.high:,.0f}], p95 {r.point:.1f} ms [{r.low:.1f}, {r.high:.1f}]"  # type: ignore[union-attr]  # five replicates are enough for an interval
            what = f"pool 30, {clients} clients, reset {reset} (the audit: 5,619/s, 989 ms)"
            rows.append(Row(what, value, "> 7,000/s", met=x.point > 7000))  # type: ignore[union-attr]  # as above
    return rows
