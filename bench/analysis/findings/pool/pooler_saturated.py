"""pooler-saturated: pgBouncer's single thread sets the ceiling.

Trigger: pgBouncer above 90 % of one core and nothing else nearer to its limit (``bench.analysis.bottleneck``).
Source: pgBouncer is single-threaded, one instance uses one core (https://www.pgbouncer.org/faq.html); its CPU time is
read over the window.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.analysis.findings.context import throughput
from bench.analysis.measurement import Finding
from bench.analysis.wording import percent, rate, treatment

if TYPE_CHECKING:
    from bench.analysis.findings.context import Context

RULE = "pooler-saturated"


def find(context: Context) -> list[Finding]:
    """Warn where pgBouncer used its core up, and never advise a bigger pool against it."""
    affected = context.limited_by("pooler")
    if not affected:
        return []
    top, known = affected[0]
    return [
        Finding(
            rule=RULE,
            severity="warning",
            status="measured",
            summary=f"pgBouncer used {percent(known.load.pooler or 0.0)} of its one core: {rate(throughput(top))} is "
            "its ceiling, and a bigger pool cannot lift it",
            evidence={
                "treatment": treatment(top.treatment),
                "throughput": top.metrics.get("throughput"),
                **known.evidence,
                "round_trips_per_operation": top.metrics.get("round_trips_per_operation"),
                "treatments_affected": len(affected),
            },
            remedy='Send fewer round trips per operation (`pool.reset = "none"` where sessions keep no state, prepared '
            "statements, autocommit), or run several pgBouncer processes with `so_reuseport`.",
            source="https://www.pgbouncer.org/faq.html and https://www.pgbouncer.org/config.html#so_reuseport",
        )
    ]
