"""cold-start: what a pool that opens its connections on demand costs, beside one that was warm.

Treatments that differ in ``pool.prewarm`` alone are compared, trial by trial of the same block; the unit is the trial.
Source: the drivers open up to ``min_size`` connections when the pool is made and the others on the first acquire
(https://magicstack.github.io/asyncpg/current/api/index.html#connection-pools).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.analysis.measurement import ALL_OPERATIONS, Finding, Patch
from bench.analysis.wording import estimate, number, treatment
from bench.stats.estimate import Estimate
from bench.stats.quantiles import smallest_n
from bench.stats.replicates import paired_ratio

if TYPE_CHECKING:
    from bench.analysis.findings.context import Context
    from bench.analysis.measurement import Measurement
    from bench.analysis.summary import TrialSummary

RULE = "cold-start"
KEY = "pool.prewarm"
METRIC = "response_time.p99"


def find(context: Context) -> list[Finding]:
    """Compare each cold treatment with its warm twin."""
    found = []
    for cold in context.overall():
        if cold.treatment.get(KEY) is not False:
            continue
        warm = context.of({**cold.treatment, KEY: True}, ALL_OPERATIONS)
        if warm is not None and cold.valid and warm.valid:
            found += _compare(context, cold, warm)
    return found


def _compare(context: Context, cold: Measurement, warm: Measurement) -> list[Finding]:
    before, after = (_by_block(context.trials(one)) for one in (warm, cold))
    blocks = sorted(before.keys() & after.keys())
    ratio = paired_ratio([before[block] for block in blocks], [after[block] for block in blocks])
    if not isinstance(ratio, Estimate) or METRIC not in cold.metrics or METRIC not in warm.metrics:
        return []
    worse = ratio.low > 1
    others = {key: level for key, level in cold.treatment.items() if key != KEY}
    window_s = context.trials(cold)[0].window_s
    times = f"{number(ratio.point)} times [{number(ratio.low)}, {number(ratio.high)}]"
    return [
        Finding(
            rule=RULE,
            severity="warning" if worse else "info",
            status="measured",
            summary=f"First {number(window_s)} s after the start: p99 {estimate(cold.metrics[METRIC])} cold, "
            f"{estimate(warm.metrics[METRIC])} pre-warmed, {times}",
            evidence={
                "treatment": treatment(others),
                "cold": cold.metrics[METRIC],
                "prewarmed": warm.metrics[METRIC],
                "ratio": ratio,
                "connections_opened_in_window": [
                    sum(worker.connections_opened for worker in trial.facts.workers) for trial in context.trials(cold)
                ],
                "formula": "geometric mean over blocks of p99 cold / p99 pre-warmed, Student's t on logarithms",
            },
            remedy="Open all connections before the service says it is ready, and run each statement once on each."
            if worse
            else "Pre-warming is not shown to matter for this load.",
            source="https://magicstack.github.io/asyncpg/current/api/index.html#connection-pools (min_size)",
            patch=Patch(kind="scenario", text="[pool]\nprewarm = true\n", rollback="[pool]\nprewarm = false\n")
            if worse
            else None,
        )
    ]


def _by_block(trials: list[TrialSummary]) -> dict[int, float]:
    """Return the p99 response time in seconds of each trial with enough operations for one, by its block."""
    distributions = {one.trial.block: one.everything.durations["response_time"] for one in trials}
    return {
        block: distribution.quantile_ns(0.99) / 1e9
        for block, distribution in distributions.items()
        if distribution.n >= smallest_n(0.99, 0.95)
    }
