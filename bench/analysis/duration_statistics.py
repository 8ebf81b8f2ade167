"""Mean, quantiles and maximum of one duration over the trials of a treatment, each with its interval or a refusal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bench.analysis.distribution import QUANTILES
from bench.stats.autocorrelation import effective_sample_size
from bench.stats.blocks import series_mean
from bench.stats.estimate import Estimate, Refused
from bench.stats.quantiles import smallest_n, too_few
from bench.stats.replicates import around_quantile, mean_interval, quantile_over_replicates

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from bench.analysis.distribution import Distribution

    Known = Estimate | Refused

LEVEL = 0.95
FEWEST_BLOCKS = 8
"""Fewer blocks show neither their spread nor their memory (as in ``bench.stats.blocks``)."""


def duration_statistics(parts: Sequence[Distribution]) -> dict[str, Known]:
    """Return the statistics by name, in seconds. One trial alone takes its intervals from blocks of its time."""
    if not all(part.n for part in parts):
        nothing = Refused("a trial has no operation that ended well", min(part.n for part in parts), 1)
        return dict.fromkeys(("mean", *QUANTILES, "max"), nothing)
    known: dict[str, Known] = {"mean": _mean(parts)}
    if len(parts) == 1:
        known |= {name: _quantile_over_blocks(parts[0], name) for name in QUANTILES}
    else:
        histograms = [part.histogram() for part in parts]
        known |= {name: quantile_over_replicates(histograms, q, LEVEL) for name, q in QUANTILES.items()}
    known["max"] = _maximum(parts)
    return {name: value.scaled(1e-9, "s") if isinstance(value, Estimate) else value for name, value in known.items()}


def _mean(parts: Sequence[Distribution]) -> Known:
    """Exact mean of all operations; the interval is that of the trials' means."""
    point = sum(part.total_ns for part in parts) / sum(part.n for part in parts)
    if len(parts) == 1:
        trials = series_mean(parts[0].blocks.means_ns, LEVEL, "ns")
    else:
        trials = mean_interval([part.mean_ns for part in parts], LEVEL, "ns")
    if isinstance(trials, Refused):
        return trials
    half = (trials.high - trials.low) / 2
    return Estimate(point, max(0.0, point - half), point + half, LEVEL, trials.n, "ns")


def _maximum(parts: Sequence[Distribution]) -> Known:
    """Return the longest seen; the interval says how the trials' (or blocks') longest differ."""
    point = float(max(part.max_ns for part in parts))
    if len(parts) > 1:
        return around_quantile(point, np.array([part.max_ns for part in parts], np.float64), len(parts), LEVEL, "ns")
    return _around_blocks(point, parts[0].blocks.maxima_ns)


def _quantile_over_blocks(part: Distribution, name: str) -> Known:
    q = QUANTILES[name]
    if part.n < smallest_n(q, LEVEL):
        return too_few(q, part.n, LEVEL)
    return _around_blocks(float(part.quantile_ns(q)), part.blocks.quantiles_ns[name])


def _around_blocks(point: float, blocks: npt.NDArray[np.float64]) -> Known:
    if blocks.size < FEWEST_BLOCKS:
        reason = f"one trial, and {blocks.size} blocks of it with samples do not show how blocks differ"
        return Refused(reason, int(blocks.size), FEWEST_BLOCKS)
    return around_quantile(point, blocks, max(2.0, effective_sample_size(blocks)), LEVEL, "ns")
