"""`python -m tests.benchmarks.pool_size`: the recommended pool size beside an exhaustive grid, on three scenarios.

The answer comes from an adaptive sweep, the grid from a run of its own with another seed: every size, interleaved, five
replicates. A third run sets the answer, the grid's best and the next smaller size beside each other, ten replicates of
two seconds, because the grid's intervals are wide. Promised: throughput at the answer within 3 % of the best, and the
next smaller pool is not. About ten minutes.
"""

from __future__ import annotations

import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bench.design.search import MARGIN
from tests.benchmarks.sweep import run_sweep
from tests.benchmarks.table import Row

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.stats.estimate import Estimate

SIZES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48)
CLIENTS = 50
REPLICATES = 5
CLOSER = 10
SCENARIOS = ("rating_lookup", "rating_calculation", "vehicle_search")


def measure(name: str) -> Row:
    """Ask for a size, measure every size, then look closely at the answer and what lies beside it."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        sweep = partial(run_sweep, name, folder, clients=[CLIENTS])
        asked = sweep("--adaptive", "--set", "run.seed=1", sizes=SIZES, replicates=REPLICATES)
        grid = sweep("--set", "run.seed=2", sizes=SIZES, replicates=REPLICATES)
        [load] = grid.subject.loads
        answer, best = asked.subject.recommended, load.best
        if answer is None or best is None:
            return Row(f"recommended pool size of {name}", "none was recommended", "one", met=False)
        smaller = max((size for size in SIZES if size < answer), default=None)
        sizes = sorted({answer, best, *(() if smaller is None else (smaller,))})
        close = sweep("--set", "run.seed=3", "--set", "run.window=2s", sizes=sizes, replicates=CLOSER)
    [looked] = close.subject.loads
    seen = {one.pool_size: one for one in looked.sizes}
    at, below = seen[answer].ratio, seen[smaller].ratio if smaller else None
    said = "not comparable" if at is None else f"{at.point:.3f} [{at.low:.3f}, {at.high:.3f}] of the best"
    return Row(
        f"recommended pool size of {name} at {CLIENTS} clients",
        f"{answer} ({asked.trials} of {grid.trials} trials): {said}; the grid's own answer is {load.recommended}, "
        f"somewhere in {load.low} .. {load.high}",
        f"within {MARGIN:.0%} of the best, and the next smaller is not (by points)",
        met=at is not None and at.point >= 1 - MARGIN and (below is None or below.point < 1 - MARGIN),
        details=["close: " + _line(size, one.throughput, one.ratio) for size, one in sorted(seen.items())]
        + ["grid:  " + _line(one.pool_size, one.throughput, one.ratio) for one in load.sizes],
    )


def _line(size: int, throughput: Estimate | None, ratio: Estimate | None) -> str:
    seen = "no valid trials" if throughput is None else f"{throughput.point:,.0f}/s"
    beside = "" if ratio is None else f", {ratio.point:.3f} [{ratio.low:.3f}, {ratio.high:.3f}] of the best"
    return f"size {size}: {seen}{beside}"


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
