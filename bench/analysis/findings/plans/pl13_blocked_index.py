"""PL13-rls-blocked-index: what is an index condition for the owner is a filter for the application.

Trigger: for the same step the owner's plan uses an index on a table that the application's plan does not use. Under
row-level security a condition may be tried before the policy only if its operator is leakproof; most operators on
jsonb, ranges, arrays, enums and numeric are not.
Counted where the application touches at least 20 buffers more, high where it touches more than twice the buffers.
Source: https://www.postgresql.org/docs/current/ddl-rowsecurity.html, planner-stats-security.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.analysis.measurement import Finding
from bench.analysis.plan_tree import indexes_used
from bench.analysis.wording import number

if TYPE_CHECKING:
    from bench.analysis.findings.plans.evidence import Evidence, Explained

RULE = "PL13-rls-blocked-index"
TIMES = 2.0
PAGES = 20
SOURCE = "https://www.postgresql.org/docs/current/ddl-rowsecurity.html"


def find(evidence: Evidence) -> list[Finding]:
    """Report one finding per step."""
    found = []
    for operation, step in evidence.steps():
        owner = {one.fact.draw: one for one in evidence.seen(operation, step, role="owner", kind="custom")}
        for one in evidence.seen(operation, step, role="app", kind="custom"):
            other = owner.get(one.fact.draw)
            if other is None:
                continue
            blocked = [name for name in indexes_used(other.tree) if name not in indexes_used(one.tree)]
            if blocked and one.tree.shared_buffers - other.tree.shared_buffers >= PAGES:
                found.append(_finding(one, other, blocked))
                break
    return found


def _finding(app: Explained, owner: Explained, blocked: list[str]) -> Finding:
    worse = app.tree.shared_buffers / max(1, owner.tree.shared_buffers)
    return Finding(
        rule=RULE,
        severity="high" if worse > TIMES else "warning",
        status="measured",
        summary=f"{app.fact.operation}: {', '.join(blocked)} serves the owner, not the application: "
        f"{number(app.tree.shared_buffers)} buffers instead of {number(owner.tree.shared_buffers)}",
        evidence={
            "operation": app.fact.operation,
            "step": app.fact.step,
            "arguments": list(app.fact.arguments),
            "indexes": blocked,
            "indexes_of_the_application": list(indexes_used(app.tree)),
            "app_buffers": app.tree.shared_buffers,
            "owner_buffers": owner.tree.shared_buffers,
            "app_execution_ms": app.tree.execution_ms,
            "owner_execution_ms": owner.tree.execution_ms,
        },
        remedy="Bound the rows by a composite btree that begins with the tenant column, put the search into a security "
        "definer function that checks the tenant itself, or compare by a leakproof operator (text instead of an enum). "
        "Marking a function LEAKPROOF is for a superuser, after review.",
        source=SOURCE,
    )
