"""What is kept of a column of durations once the samples are gone: mergeable counts, exact sum and extremes, blocks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bench.stats.histogram import COUNTS_LENGTH, LogHistogram, record
from bench.stats.quantiles import quantiles

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from bench.model.sample import Nanoseconds

QUANTILES: Mapping[str, float] = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p99_9": 0.999}
BLOCKS = 10
"""Equal parts of a window whose own quantiles stand in for replicates where there is a single trial."""


@dataclass(frozen=True, slots=True, eq=False)
class BlockTable:
    """Mean, maximum and quantiles of each block of the window that holds samples, in ns."""

    means_ns: npt.NDArray[np.float64]
    maxima_ns: npt.NDArray[np.float64]
    quantiles_ns: Mapping[str, npt.NDArray[np.float64]]


@dataclass(frozen=True, slots=True, eq=False)
class Distribution:
    """The durations of one trial. Only filled buckets are kept: a few thousand numbers instead of forty thousand."""

    buckets: npt.NDArray[np.int32]
    counts: npt.NDArray[np.int32]
    n: int
    total_ns: int
    min_ns: int
    max_ns: int
    blocks: BlockTable

    @property
    def mean_ns(self) -> float:
        """Exact mean; raises ``ZeroDivisionError`` where there is no sample."""
        return self.total_ns / self.n

    def histogram(self) -> LogHistogram:
        """Return the counts in the layout that merges."""
        counts = np.zeros(COUNTS_LENGTH, dtype=np.int64)
        counts[self.buckets] = self.counts
        counts.setflags(write=False)
        return LogHistogram(counts, self.min_ns, self.max_ns)

    def quantile_ns(self, q: float) -> int:
        """Return a quantile of this trial alone, within 0.1 %."""
        return quantiles(self.histogram(), [q])[0]


def reduce(durations_ns: Nanoseconds, block_edges: Sequence[int]) -> Distribution:
    """Reduce a column; ``block_edges`` are the positions that cut it into blocks. Refuses negative durations."""
    histogram = record(durations_ns)
    filled = np.flatnonzero(histogram.counts)
    return Distribution(
        buckets=filled.astype(np.int32),
        counts=histogram.counts[filled].astype(np.int32),
        n=len(durations_ns),
        total_ns=int(durations_ns.sum()),
        min_ns=histogram.min_ns,
        max_ns=histogram.max_ns,
        blocks=_tabulate([block for block in np.split(durations_ns, block_edges) if block.size]),
    )


def _tabulate(blocks: Sequence[Nanoseconds]) -> BlockTable:
    table = np.array([quantiles(block, list(QUANTILES.values())) for block in blocks], dtype=np.float64)
    columns = table.reshape(-1, len(QUANTILES)).T
    return BlockTable(
        means_ns=np.array([block.mean() for block in blocks], dtype=np.float64),
        maxima_ns=np.array([block.max() for block in blocks], dtype=np.float64),
        quantiles_ns=dict(zip(QUANTILES, columns, strict=True)),
    )
