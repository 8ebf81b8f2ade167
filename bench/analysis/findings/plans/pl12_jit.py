"""PL12-jit: a statement spends its time on being compiled.

Trigger: JIT time above 20 % of the execution time.
Source: https://www.postgresql.org/docs/current/jit-decision.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.analysis.findings.plans.wording import setting_patch
from bench.analysis.measurement import Finding
from bench.analysis.wording import percent, seconds

if TYPE_CHECKING:
    from bench.analysis.findings.plans.evidence import Evidence, Explained

RULE = "PL12-jit"
SHARE = 0.2


def find(evidence: Evidence) -> list[Finding]:
    """Report the worst plan of each operation."""
    worst: dict[str, Explained] = {}
    for one in evidence.load():
        if _share(one) > max(SHARE, _share(worst[one.fact.operation]) if one.fact.operation in worst else 0.0):
            worst[one.fact.operation] = one
    return [_finding(one) for one in worst.values()]


def _share(one: Explained) -> float:
    return (one.tree.jit_ms or 0.0) / one.tree.execution_ms if one.tree.execution_ms else 0.0


def _finding(one: Explained) -> Finding:
    took = (one.tree.jit_ms or 0.0) / 1e3
    return Finding(
        rule=RULE,
        severity="high" if _share(one) > 2 * SHARE else "warning",
        status="measured",
        summary=f"{one.fact.operation} spends {percent(_share(one))} of its time on being compiled ({seconds(took)})",
        evidence={
            "operation": one.fact.operation,
            "jit_ms": one.tree.jit_ms,
            "execution_ms": one.tree.execution_ms,
            "total_cost": one.tree.root.total_cost,
        },
        remedy="Switch JIT off for the role that asks, or raise jit_above_cost above the cost of this plan.",
        source="https://www.postgresql.org/docs/current/jit-decision.html",
        patch=setting_patch("jit", "off", "on"),
    )
