"""Was the window a steady state? By rule, not by constant: MSER-5 and the drift between halves."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from bench.analysis import laws
from bench.analysis.wording import seconds
from bench.model.facts import Caveat
from bench.model.sample import Outcome
from bench.model.scenario import OpenLoop
from bench.stats.steady import SteadyState, Unsteady, steady_state

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.analysis.summary import Series, TrialSummary

DRIFT = 0.05
DRIFT_OF_RESPONSE = 0.25
GREAT_DRIFT = 0.5
"""Change of throughput within a closed loop's window that leaves its mean without a meaning."""
FEWEST_PER_BLOCK = 5


def unsteadiness(summary: TrialSummary) -> Iterator[Caveat]:
    """Look for drift and for a warm-up inside the window; without a warm-up the cold start is what is measured."""
    operation = summary.everything
    if laws.ramps(summary) or not summary.scenario.run.warmup:
        return
    good = operation.outcomes.get(Outcome.OK.label, 0)
    needed = FEWEST_PER_BLOCK * operation.throughput_blocks.size
    if good < needed:
        yield Caveat(
            code="few-operations",
            text=f"{good:,} good operations are too few to tell whether the window was steady, which takes {needed:,}",
            cure="Lengthen `run.window`.",
        )
        return
    is_open = isinstance(summary.scenario.load, OpenLoop)
    series = operation.response_blocks_s if is_open else operation.throughput_blocks
    what = "response time" if is_open else "throughput"
    tolerance = DRIFT_OF_RESPONSE if is_open else DRIFT
    steady = steady_state(series, tolerance)
    if isinstance(steady, Unsteady):
        change = f"{100 * steady.drift:+.1f} %" if math.isfinite(steady.drift) else "without bound"
        yield Caveat(
            code="no-steady-state",
            text=f"{what} changed by {change} from the first to the second half of the window, beyond its noise",
            cure="Lengthen `run.warmup` and `run.window`; look for autovacuum, checkpoints and other load.",
            invalidates=abs(steady.drift) > GREAT_DRIFT and not is_open,
        )
        return
    start = steady.start if isinstance(steady, SteadyState) else 0
    if not series[start:].any():
        idle_s = summary.window_s * (1 - start / series.size)
        yield Caveat(
            code="no-steady-state",
            text=f"nothing ended well in the last {seconds(idle_s)} of the window",
            cure="Look at the outcomes of that time and at the logs of server and pooler.",
            invalidates=True,
        )
        return
    bias = float(series.mean() / series[start:].mean()) - 1 if start else 0.0
    if abs(bias) > max(tolerance if is_open else tolerance / 2, _bias_by_chance(series, start)):
        late = summary.window_s * start / series.size
        yield Caveat(
            code="no-steady-state",
            text=f"the first {seconds(late)} of the window still belong to the warm-up: they move its mean {what} by "
            f"{100 * bias:+.1f} %",
            cure="Lengthen `run.warmup`.",
            invalidates=abs(bias) > GREAT_DRIFT / 2 and not is_open,
        )


def _bias_by_chance(series: Series, start: int) -> float:
    """Return three standard errors of what the blocks before ``start`` do to the mean, relative to the rest's mean.

    The noise of a block is taken from successive differences (von Neumann), which a trend does not inflate.
    """
    head, rest = start, series.size - start
    if not head:
        return math.inf
    noise = math.sqrt(float(np.mean(np.diff(series[start:]) ** 2)) / 2)
    return 3 * head / series.size * noise * math.sqrt(1 / head + 1 / rest) / float(series[start:].mean())
