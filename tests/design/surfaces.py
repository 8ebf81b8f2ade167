"""Made-up throughput over pool size and load, with noise, to be searched adaptively and measured whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bench.analysis.load_answer import Cell as Measured
from bench.analysis.load_answer import compare_sizes
from bench.analysis.measurement import Measurement
from bench.design.search import MARGIN, Cell, Grid, Known, propose
from bench.stats.estimate import Estimate
from bench.stats.plateau import SmallestLevel

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

NOTHING = Measurement(treatment={}, operation="*", valid=True, caveats=(), metrics={})
SPARE = 20
"""Trials drawn ahead for each cell: the first ones are those of the full grid."""


@dataclass(frozen=True)
class Surface:
    """Throughput in truth by load and size, the trials of each cell in the order they would run, who meets budgets."""

    sizes: tuple[int, ...]
    truth: Floats
    trials: Floats
    meets: npt.NDArray[np.bool_]
    replicates: int = 5

    @property
    def grid(self) -> Grid:
        return Grid(tuple(map(float, self.sizes)), len(self.truth), 1, self.replicates)


def surface(seed: int, sizes: Sequence[int], loads: Sequence[int], glitches: float = 0.0) -> Surface:
    """Draw a curve (USL, plateau, saturation, collapse), its knee and its noise of 0.5 to 3 % a trial."""
    rng = np.random.default_rng(seed)
    size = np.asarray(sizes, dtype=np.float64)
    busy = np.minimum(size, np.asarray(loads, dtype=np.float64)[:, None])
    knee = np.exp(rng.uniform(np.log(1.2 * sizes[0]), np.log(sizes[-1])))
    sigma = rng.uniform(0.01, 0.2)
    shapes = {
        "usl": busy / (1 + sigma * (busy - 1) + (1 - sigma) / knee**2 * busy * (busy - 1)),
        "plateau": np.minimum(busy, knee),
        "saturation": 1 - np.exp(-3 * busy / knee),
        "collapse": np.minimum(busy, knee) * np.where(size > 2 * knee, np.sqrt(2 * knee / size), 1),
    }
    truth = 1000 * shapes[rng.choice(list(shapes))]
    noise = rng.normal(0, rng.choice([0.005, 0.01, 0.02, 0.03]), (*truth.shape, SPARE))
    spoiled = np.where(rng.random(noise.shape) < glitches, rng.uniform(0.5, 0.9), 1)
    return Surface(tuple(sizes), truth, truth[:, :, None] * np.exp(noise) * spoiled, np.ones(truth.shape, dtype=bool))


def search(surface: Surface) -> dict[Cell, dict[int, float]]:
    """Return throughput by round of every cell that the search measured."""
    measured: dict[Cell, dict[int, float]] = {}
    number = 0
    while cells := propose(surface.grid, known(surface, measured)):
        number += 1
        for cell in cells:
            own = measured.setdefault(cell, {})
            own[number] = float(surface.trials[cell.load, cell.size, len(own)])
    return measured


def known(surface: Surface, measured: Mapping[Cell, Mapping[int, float]]) -> dict[Cell, Known]:
    return {
        cell: Known(len(own), tuple(own.values()), "pass" if surface.meets[cell.load, cell.size] else "fail")
        for cell, own in measured.items()
    }


def measure_whole(surface: Surface) -> dict[Cell, dict[int, float]]:
    """Return the full grid, every block with every cell."""
    return {
        Cell(0, load, size): {block: float(surface.trials[load, size, block]) for block in range(surface.replicates)}
        for load, size in np.ndindex(surface.truth.shape)
    }


def answer(surface: Surface, measured: Mapping[Cell, Mapping[int, float]]) -> int | None:
    """Return the position of the best size by the rule of ``bench.analysis.answer``."""
    tables = []
    for load in range(len(surface.truth)):
        own = {c.size: t for c, t in measured.items() if c.load == load and surface.meets[load, c.size]}
        repeated = {size: throughputs for size, throughputs in own.items() if len(throughputs) >= 2}
        cells = [
            Measured(size=size, measurement=NOTHING, lines=(), budgets="none", throughputs=repeated[size])
            for size in sorted(repeated)
        ]
        standing = compare_sizes(cells)
        if isinstance(standing, SmallestLevel):
            tables.append({int(r.level): r.ratio for r in standing.reasons if isinstance(r.ratio, Estimate)})
    if not tables:
        return None
    everywhere = sorted(set.intersection(*map(set, tables)))
    good = [
        size
        for size in everywhere
        if all(table[size].high >= 1 - MARGIN for table in tables) and tables[-1][size].point >= 1 - MARGIN
    ]
    return good[0] if good else max(everywhere, key=lambda size: min(t[size].point for t in tables), default=None)
