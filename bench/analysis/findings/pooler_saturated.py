"""pooler-saturated: pgBouncer's single thread sets the ceiling.

Source: pgBouncer is single-threaded, one instance uses one core (https://www.pgbouncer.org/faq.html); its CPU time is
read over the window.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.analysis.findings.context import throughput
from bench.analysis.measurement import Finding
from bench.analysis.saturation import pooler_share
from bench.analysis.wording import percent, rate, treatment

if TYPE_CHECKING:
    from bench.analysis.findings.context import Context

RULE = "pooler-saturated"


def find(context: Context) -> list[Finding]:
    """Warn where pgBouncer used its core up, and never advise a bigger pool against it."""
    affected = [m for m in context.overall() if any(caveat.code == RULE for caveat in m.caveats)]
    if not affected:
        return []
    top = max(affected, key=throughput)
    shares = [share for trial in context.trials(top) if (share := pooler_share(trial)) is not None]
    share = max(shares, default=0.0)
    return [
        Finding(
            rule=RULE,
            severity="warning",
            status="measured",
            summary=f"pgBouncer used {percent(share)} of its one core: {rate(throughput(top))} is its ceiling, "
            "and a bigger pool cannot lift it",
            evidence={
                "treatment": treatment(top.treatment),
                "throughput": top.metrics.get("throughput"),
                "cpu_share_of_pooler": share,
                "round_trips_per_operation": top.metrics.get("round_trips_per_operation"),
                "treatments_affected": len(affected),
            },
            remedy='Send fewer round trips per operation (`pool.reset = "none"` where sessions keep no state, prepared '
            "statements, autocommit), or run several pgBouncer processes with `so_reuseport`.",
            source="https://www.pgbouncer.org/faq.html and https://www.pgbouncer.org/config.html#so_reuseport",
        )
    ]
