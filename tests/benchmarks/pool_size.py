"""`python -m tests.benchmarks.pool_size`: the recommended pool size beside an exhaustive grid, on three scenarios.

The answer comes from an adaptive sweep with the window that the scenarios ship with, as a user would ask; the grid from
a run of its own with another seed and shorter windows: every size, interleaved, five replicates. The grid's best other
size is the rival. A third run sets the answer, the rival and the next smaller size
beside each other in interleaved blocks: rivals are named before it, so no luck of its own picks them. Promised: the
answer is within 3 % of the rival, and the next smaller pool is not within 3 % of the answer. A promise counts as kept
unless the interval excludes it; the points stand beside. About half an hour.
"""

from __future__ import annotations

import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bench.design.search import MARGIN
from bench.stats.estimate import Estimate
from bench.stats.replicates import paired_ratio
from tests.benchmarks.sweep import run_sweep
from tests.benchmarks.table import Row, words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.analysis.analyse import Analysis
    from bench.stats.estimate import Refused

SIZES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48)
CLIENTS = 50
REPLICATES = 5
CLOSER = 12
WINDOW = "run.window=5s"
"""As the scenarios ship."""
GRID_WINDOW = "run.window=2s"
"""The grid only names a rival."""
SCENARIOS = ("rating_lookup", "rating_calculation", "vehicle_search")


def measure(name: str) -> Row:
    """Ask for a size, measure every size, then look closely at the answer and what lies beside it."""
    what, goal = (
        f"recommended pool size of {name} at {CLIENTS} clients",
        f"within {MARGIN:.0%} of the best, none smaller",
    )
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        sweep = partial(run_sweep, name, folder, clients=[CLIENTS])
        asked = sweep("--adaptive", "--set", "run.seed=1", "--set", WINDOW, sizes=SIZES, replicates=REPLICATES)
        grid = sweep("--set", "run.seed=2", "--set", GRID_WINDOW, sizes=SIZES, replicates=REPLICATES)
        [load] = grid.subject.loads
        answer = asked.subject.recommended
        seen = {one.pool_size: one.throughput.point for one in load.sizes if one.throughput is not None}
        if answer is None or not seen.keys() - {answer}:
            return Row(what, "none was recommended", goal, met=False)
        rival = max(seen.keys() - {answer}, key=seen.__getitem__)
        smaller = max((size for size in SIZES if size < answer), default=None)
        sizes = sorted({answer, rival, *(() if smaller is None else (smaller,))})
        close = sweep("--set", "run.seed=3", "--set", WINDOW, sizes=sizes, replicates=CLOSER)
    runs = by_block(close.analysis)
    at = compare(runs, rival, answer)
    below = None if smaller is None else compare(runs, answer, smaller)
    return Row(
        what,
        f"{answer} ({asked.trials} of {grid.trials} trials): {words(at)} of size {rival}, the grid's best other; "
        + (f"size {smaller}: {words(below)} of the answer" if below is not None else "no smaller size")
        + f"; the grid's own answer is {load.recommended}, somewhere in {load.low} .. {load.high}",
        goal,
        met=isinstance(at, Estimate)
        and at.high >= 1 - MARGIN
        and (below is None or (isinstance(below, Estimate) and below.low < 1 - MARGIN)),
        details=[
            f"grid: size {one.pool_size}: "
            + ("no valid trials" if one.throughput is None else f"{one.throughput.point:,.0f}/s")
            for one in load.sizes
        ],
    )


def by_block(analysis: Analysis) -> dict[int, dict[int, float]]:
    """Return the throughput of valid trials by pool size and block."""
    found: dict[int, dict[int, float]] = {}
    for one in analysis.summaries:
        if one.valid_for():
            found.setdefault(one.scenario.pool.size, {})[one.trial.block] = one.everything.throughput
    return found


def compare(runs: dict[int, dict[int, float]], baseline: int, candidate: int) -> Estimate | Refused:
    """Return the ratio of throughputs candidate / baseline over the blocks that hold both."""
    before, after = runs.get(baseline, {}), runs.get(candidate, {})
    both = sorted(before.keys() & after.keys())
    return paired_ratio([before[block] for block in both], [after[block] for block in both])


def main(names: Sequence[str]) -> None:
    """Print a row for each scenario; exits with 1 where the promise is not kept."""
    rows = []
    for name in names or SCENARIOS:
        rows.append(measure(name))
        sys.stdout.write("\n".join(rows[-1].lines()) + "\n")
        sys.stdout.flush()
    raise SystemExit(0 if all(row.met for row in rows) else 1)


if __name__ == "__main__":
    main(sys.argv[1:])
