"""One trial alone: time blocks stand in for replicates, with caution.

Blocks of one trial share its server, cache and luck, so these intervals say how steady the trial was, not how the next
trial will turn out. Neighbouring blocks also remember each other. Every interval here is widened for a first-order
memory, which is enough while blocks are much longer than the queue's memory: better 10 long blocks than 40 short ones
(simulated coverage at level 0.95 for the p95 of a queue at 70 % load: 0.92 to 0.95 with 10, 0.80 with 40).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import scipy

from bench.stats.autocorrelation import effective_sample_size
from bench.stats.estimate import Estimate, Refused
from bench.stats.quantiles import count, pool, quantiles, smallest_n, too_few
from bench.stats.replicates import around_quantile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.stats.autocorrelation import Series
    from bench.stats.histogram import IntArray

_FEWEST = 8  # below this neither the spread nor the memory of a series can be told


def block_values(times_ns: IntArray, values: IntArray, blocks: int) -> list[IntArray]:
    """Cut a trial into ``blocks`` of equal time and return the values of each; a block may be empty.

    ``times_ns`` place each value; the cut runs from the first to the last of them.
    """
    if blocks < 1 or times_ns.size != values.size or not times_ns.size:
        raise ValueError(f"{times_ns.size} times and {values.size} values do not cut into {blocks} blocks")
    start = int(times_ns.min())
    span = int(times_ns.max()) - start + 1
    block = (times_ns - start) * blocks // span
    order = np.argsort(block, kind="stable")
    edges = np.searchsorted(block[order], np.arange(1, blocks))
    return list(np.split(values[order], edges))


def quantile_over_blocks(
    blocks: Sequence[IntArray], q: float, level: float = 0.95, unit: str = "ns"
) -> Estimate | Refused:
    """Quantile of one trial; its interval comes from the blocks' own quantiles, counted at their effective number.

    Batch means (Law and Kelton) with the batches' remaining lag-1 memory taken off. ``n`` is the number of blocks.
    """
    filled = [block for block in blocks if count(block)]
    if len(filled) < _FEWEST:
        return Refused(f"{len(filled)} blocks with samples do not show how blocks differ", len(filled), _FEWEST)
    pooled = pool(filled)
    if count(pooled) < smallest_n(q, level):
        return too_few(q, count(pooled), level)
    point = float(quantiles(pooled, [q])[0])
    single = np.array([quantiles(block, [q])[0] for block in filled], dtype=np.float64)
    return around_quantile(point, single, max(2.0, effective_sample_size(single)), level, unit)


def series_mean(series: Series, level: float = 0.95, unit: str = "1") -> Estimate | Refused:
    """Mean of a series of blocks (operations a second, say) with a t interval at its effective sample size."""
    x = np.asarray(series, dtype=np.float64)
    if x.size < _FEWEST:
        return Refused(f"{x.size} blocks do not show how blocks differ", x.size, _FEWEST)
    units = max(2.0, effective_sample_size(x))
    half = float(scipy.stats.t.ppf((1 + level) / 2, units - 1) * x.std(ddof=1) / np.sqrt(units))
    mean = float(x.mean())
    return Estimate(mean, mean - half, mean + half, level, x.size, unit)
