"""Print the table: `python -m tests.benchmarks [ROW …]`, on an otherwise idle machine. About twenty minutes."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

from tests.benchmarks import (
    adaptive_sweep,
    against_locust,
    against_pgbench,
    collectors,
    frozen_server,
    headline,
    numbers,
    recording_overhead,
    report_size,
    same_against_same,
    seeding_rate,
    swarm,
    workloads,
)
from tests.benchmarks.bed import test_bed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tests.benchmarks.bed import Bed
    from tests.benchmarks.table import Row


def _numbers(bed: Bed) -> list[Row]:
    scenario = bed.scenario(pool__size=30, load__clients=50, run__warmup="500ms", run__window="4s")
    collected = bed.load(scenario, 1)
    facts = collectors.bare_facts(scenario, collected)
    return [numbers.percentile_error(collected.samples), numbers.million(collected.samples, facts, scenario)]


def main() -> None:
    """Run the rows asked for, all of them by default."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "rows",
        nargs="*",
        help="headline recording driver locust pgbench open frozen collectors numbers same seeding swarm report "
        "adaptive workloads",
    )
    parser.add_argument("--pairs", type=int, default=6)
    parser.add_argument("--minutes", type=float, default=1 / 3, help="for each of the workloads")
    options = parser.parse_args()
    wanted, pairs = set(options.rows), options.pairs
    sys.stdout.write(f"load average before: {os.getloadavg()[0]:.2f}\n")
    with test_bed() as bed:
        rows: dict[str, Callable[[], Iterable[Row]]] = {
            "headline": lambda: headline.measure(bed),
            "recording": lambda: [recording_overhead.measure(bed, pairs=pairs)],
            "driver": lambda: [against_pgbench.driver_over_bare(bed, pairs=pairs)],
            "locust": lambda: [against_locust.measure(bed, pairs=pairs)],
            "pgbench": lambda: [against_pgbench.python_over_pgbench(bed, pairs=pairs)],
            "open": lambda: [against_pgbench.open_loop(bed, pairs=pairs)],
            "frozen": lambda: [frozen_server.measure(bed)],
            "collectors": lambda: [collectors.measure(bed, pairs=pairs)],
            "numbers": lambda: _numbers(bed),
            "same": lambda: same_against_same.measure(bed, pairs=max(20, pairs)),
            "seeding": lambda: seeding_rate.measure(bed),
            "swarm": lambda: swarm.measure(bed, pairs=pairs),
        }
        for name, measure in rows.items():
            if not wanted or name in wanted:
                for row in measure():
                    sys.stdout.write("\n".join(row.lines()) + "\n")
                    sys.stdout.flush()
    if not wanted or "report" in wanted:  # needs no server
        sys.stdout.write("\n".join(report_size.measure().lines()) + "\n")
    if not wanted or "adaptive" in wanted:  # starts its own servers
        sys.stdout.write("\n".join(adaptive_sweep.measure().lines()) + "\n")
    if not wanted or "workloads" in wanted:  # likewise
        sys.stdout.write("\n".join(workloads.measure(minutes=options.minutes).lines()) + "\n")


if __name__ == "__main__":
    main()
