"""generator-saturated: the load generator, not the database, sets the ceiling that was measured.

Trigger: the busiest worker above 85 % of a core, or its event loop 10 ms late at p99, or ready to run for 85 % of the
time while others had the cores; and nothing else nearer to its limit (``bench.analysis.bottleneck``).
Source: a single-threaded event loop that busy no longer keeps its timetable; the share of CPU and the lag come from the
worker itself (issues of psycopg #448 and others: client CPU decides on localhost).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.analysis.findings.context import throughput
from bench.analysis.measurement import Finding
from bench.analysis.saturation import IDLE_CPU
from bench.analysis.wording import percent, rate, seconds, treatment

if TYPE_CHECKING:
    from bench.analysis.bottleneck import Load
    from bench.analysis.findings.context import Context

RULE = "generator-saturated"


def find(context: Context) -> list[Finding]:
    """Warn where the highest throughput that the generator holds back is its own."""
    affected = context.limited_by("generator")
    if not affected:
        return []
    top, known = affected[0]
    trials = context.trials(top)
    starved = known.load.generator < IDLE_CPU
    return [
        Finding(
            rule=RULE,
            severity="warning",
            status="measured",
            summary=f"The load generator {'was kept from the CPU' if starved else 'is at its limit'} in "
            f"{len(affected)} of {len(context.overall())} treatments ({_worker(known.load, starved=starved)}): "
            f"{rate(throughput(top))} is {'what others left to it' if starved else 'its ceiling'}, not the database's",
            evidence={
                "treatment": treatment(top.treatment),
                "throughput": top.metrics.get("throughput"),
                **known.evidence,
                "workers": len(trials[0].facts.workers),
                "cores": trials[0].facts.cores,
                "treatments_affected": len(affected),
            },
            remedy="Stop other work on this machine first."
            if starved
            else "Run more workers (`pool.workers`) if cores are free, run the load from another machine, or use the "
            "`pgbench` driver to see the ceiling without Python.",
            source="CPU time and event-loop lag of each worker over the window.",
        )
    ]


def _worker(load: Load, *, starved: bool) -> str:
    """Say what the busiest worker got, and what it lacked."""
    got = f"busiest worker {percent(load.generator)} of a core"
    if not starved:
        return got
    if load.generator_busy is None:
        return f"{got}, its event loop {seconds(load.loop_lag_ns / 1e9)} late at p99"
    return f"{got} though it had work for {percent(load.generator_busy)} of the time"
