"""generator-saturated: the load generator, not the database, sets the ceiling that was measured.

Source: a single-threaded event loop above 85 % of a core, or 10 ms late at p99, no longer keeps its timetable; the
share of CPU and the lag come from the worker itself (issues of psycopg #448 and others: client CPU decides on
localhost).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.analysis.findings.context import throughput
from bench.analysis.measurement import Finding
from bench.analysis.saturation import cpu_share
from bench.analysis.wording import percent, rate, treatment

if TYPE_CHECKING:
    from bench.analysis.findings.context import Context

RULE = "generator-saturated"


def find(context: Context) -> list[Finding]:
    """Warn where the highest throughput of the run is the generator's."""
    affected = [m for m in context.overall() if any(caveat.code == RULE for caveat in m.caveats)]
    if not affected:
        return []
    top = max(affected, key=throughput)
    trials = context.trials(top)
    lag_ns = max((worker.loop_lag_p99_ns for trial in trials for worker in trial.facts.workers), default=0)
    share = max(map(cpu_share, trials), default=0.0)
    return [
        Finding(
            rule=RULE,
            severity="warning",
            status="measured",
            summary=f"The load generator is at its limit in {len(affected)} of {len(context.overall())} treatments "
            f"(busiest worker {percent(share)} of a core): {rate(throughput(top))} is its ceiling, not the database's",
            evidence={
                "treatment": treatment(top.treatment),
                "throughput": top.metrics.get("throughput"),
                "cpu_share_of_busiest_worker": share,
                "workers": len(trials[0].facts.workers) if trials else 0,
                "cores": trials[0].facts.cores if trials else 0,
                "loop_lag_p99_ns": lag_ns,
                "treatments_affected": len(affected),
            },
            remedy="Run more workers (`pool.workers`) if cores are free, run the load from another machine, or use the "
            "`pgbench` driver to see the ceiling without Python.",
            source="CPU time and event-loop lag of each worker over the window.",
        )
    ]
