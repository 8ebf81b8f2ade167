"""capacity: the highest offered rate that meets the budgets, as an interval whose ends were each confirmed.

Source: exponential ramp and bisection on the offered rate of an open loop, response times from the intended start; the
ends are repeated (bench.design.rate_search).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.analysis.measurement import Finding

if TYPE_CHECKING:
    from bench.analysis.findings.context import Context

RULE = "capacity"


def find(context: Context) -> list[Finding]:
    """State the interval of a run that searched for it."""
    capacity = context.capacity
    if capacity is None:
        return []
    evidence: dict[str, Any] = {
        "low": capacity.low,
        "high": capacity.high,
        "agreed": capacity.agreed,
        "budgets": list(capacity.budgets),
        "fails_above_with": list(capacity.reasons),
        "ceilings": list(capacity.ceilings),
        "formula": "passes: every budget kept, achieved >= 0.98 x offered, response times that do not keep growing",
    }
    found = capacity.settled and capacity.low is not None
    return [
        Finding(
            rule=RULE,
            severity="info" if found else "warning",
            status="measured",
            summary=capacity.sentence,
            evidence=evidence,
            remedy="Plan for less than the lower end: close to it response times depend on luck."
            if found
            else "Lengthen `run.window`, begin lower with `--set load.rate=…`, or look at what fails.",
            source="Highest passing and lowest failing rate of an open loop, each confirmed; "
            "https://www.rfc-editor.org/rfc/rfc2544 (section 26.1, throughput by search)",
        )
    ]
