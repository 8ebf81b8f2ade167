"""Accuracy and cost of the analysis itself: percentile error, a million samples."""

from __future__ import annotations

import time
import tracemalloc
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from bench.analysis.trial import summarise
from bench.design.plan import Trial
from bench.model.sample import Samples
from bench.stats.histogram import merge, record
from bench.stats.quantiles import quantiles
from tests.benchmarks.table import Row

if TYPE_CHECKING:
    from bench.model.facts import TrialFacts
    from bench.model.scenario import Scenario

LEVELS = [0.5, 0.9, 0.95, 0.99, 0.999]


def percentile_error(recorded: Samples) -> Row:
    """Compare merged histograms with exact percentiles, on recorded samples and on a heavy tail made of them."""
    response = recorded.where(recorded.outcome == 0).duration("response_time")
    generator = np.random.default_rng(1)
    heavy = (generator.choice(response, 1_000_000) * (1 + generator.pareto(1.5, 1_000_000))).astype(np.int64)
    worst = 0.0
    for values in (response, heavy):
        parts = merge([record(part) for part in np.array_split(values, 7)])
        exact, binned = quantiles(np.sort(values), LEVELS), quantiles(parts, LEVELS)
        worst = max(worst, *(abs(b / e - 1) for b, e in zip(binned, exact, strict=True)))
    value = f"{worst * 100:.3f} % at worst, over {len(LEVELS)} levels and {len(response):,} + 1,000,000 samples"
    return Row("percentile error against exact, recorded and heavy-tailed data", value, "<= 0.1 %", met=worst <= 0.001)


def million(recorded: Samples, facts: TrialFacts, scenario: Scenario) -> Row:
    """Analyse one trial of a million samples, made by repeating recorded ones over a window as long as they need."""
    copies = -(-1_000_000 // len(recorded))
    span = int(recorded.completed_ns.max()) + 1
    parts = []
    for copy in range(copies):
        shifted = {name: getattr(recorded, name) + copy * span for name in recorded.__slots__[:5]}
        rest = {name: getattr(recorded, name) for name in recorded.__slots__[5:]}
        parts.append(Samples(**shifted, **rest))
    samples = Samples.concatenate(parts)
    longer = msgspec.structs.replace(facts, window_start_ns=0, window_end_ns=copies * span)
    tracemalloc.start()
    begin = time.perf_counter()
    summarise(Trial("t", 1, {}, 1), longer, samples, scenario)
    seconds = time.perf_counter() - begin
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    met = seconds <= 5 and peak < 500e6
    value = f"{len(samples):,} samples in {seconds:.2f} s (with memory tracing on), {peak / 1e6:.0f} MB at the peak"
    return Row("1,000,000 samples analysed", value, "<= 5 s, < 500 MB", met=met)
