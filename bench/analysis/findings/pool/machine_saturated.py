"""machine-saturated: load, pooler and server share one machine and take its CPU from each other.

Trigger: together they use at least 90 % of the cores, and no single one of them is at its own limit
(``bench.analysis.bottleneck``).
Source: CPU times of all processes over the window.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.analysis.findings.context import throughput
from bench.analysis.measurement import Finding
from bench.analysis.wording import rate, treatment

if TYPE_CHECKING:
    from bench.analysis.findings.context import Context

RULE = "machine-saturated"


def find(context: Context) -> list[Finding]:
    """Say whose ceiling the highest throughput is, where it is nobody's own."""
    affected = context.limited_by("machine")
    if not affected:
        return []
    top, known = affected[0]
    return [
        Finding(
            rule=RULE,
            severity="info",
            status="measured",
            summary=f"This machine is the limit in {len(affected)} of {len(context.overall())} treatments: "
            f"{known.reason}; {rate(throughput(top))} is its ceiling, and a bigger pool cannot lift it",
            evidence={
                "treatment": treatment(top.treatment),
                "throughput": top.metrics.get("throughput"),
                **known.evidence,
                "treatments_affected": len(affected),
            },
            remedy="Run the load from another machine to learn the ceiling of the server alone; stop other work here.",
            source="CPU times of workers, pooler and server over the window.",
        )
    ]
