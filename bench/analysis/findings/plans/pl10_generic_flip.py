"""PL10-generic-flip: the plan that a prepared statement gets once the server stops looking at its values is worse.

Trigger: with the same values the generic plan touches more than twice the buffers of the custom one, and at least 50
more. High where the server does take the generic plan by itself at the sixth execution; else a warning: it may, when
costs change. Another shape alone is no fault: a partitioned table is pruned at plan time by the one and at run time by
the other.
Source: https://www.postgresql.org/docs/current/sql-prepare.html (notes), plancache.c (choose_custom_plan)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bench.analysis.measurement import Finding, Patch
from bench.analysis.plan_tree import fingerprint
from bench.analysis.wording import number

if TYPE_CHECKING:
    from bench.analysis.findings.plans.evidence import Evidence, Explained

RULE = "PL10-generic-flip"
TIMES = 2.0
PAGES = 50


class _Pair(NamedTuple):
    custom: Explained
    generic: Explained

    @property
    def excess(self) -> int:
        return self.generic.tree.shared_buffers - self.custom.tree.shared_buffers


def find(evidence: Evidence) -> list[Finding]:
    """Report one finding per step, from the values with which the generic plan loses most."""
    found = []
    for operation, step in evidence.steps():
        custom = evidence.seen(operation, step, role="app", kind="custom")
        generic = {one.fact.draw: one for one in evidence.seen(operation, step, role="app", kind="generic")}
        pairs = [_Pair(one, generic[one.fact.draw]) for one in custom if one.fact.draw in generic]
        worse = [pair for pair in pairs if pair.excess >= PAGES and _times(pair) > TIMES]
        if worse:
            found.append(_finding(max(worse, key=lambda pair: pair.excess), taken=_takes_generic(evidence, pairs)))
    return found


def _times(pair: _Pair) -> float:
    return pair.generic.tree.shared_buffers / max(1, pair.custom.tree.shared_buffers)


def _takes_generic(evidence: Evidence, pairs: list[_Pair]) -> bool:
    """Tell whether the sixth execution had the shape of the generic plan, and the fifth had not."""
    fact = pairs[0].custom.fact
    automatic = evidence.seen(fact.operation, fact.step, role="app", kind="auto")
    shapes = {one.fact.execution: fingerprint(one.tree) for one in automatic}
    if not shapes:
        return False
    generic = {fingerprint(pair.generic.tree) for pair in pairs}
    return shapes[max(shapes)] in generic and shapes[max(shapes)] != shapes[min(shapes)]


def _finding(pair: _Pair, *, taken: bool) -> Finding:
    fact = pair.custom.fact
    when = "from its sixth execution on" if taken else "if the server takes its generic plan"
    return Finding(
        rule=RULE,
        severity="high" if taken else "warning",
        status="measured",
        summary=f"{fact.operation} touches {number(pair.generic.tree.shared_buffers)} buffers instead of "
        f"{number(pair.custom.tree.shared_buffers)} {when}",
        evidence={
            "operation": fact.operation,
            "step": fact.step,
            "arguments": list(fact.arguments),
            "custom_buffers": pair.custom.tree.shared_buffers,
            "generic_buffers": pair.generic.tree.shared_buffers,
            "custom_shape": fingerprint(pair.custom.tree),
            "generic_shape": fingerprint(pair.generic.tree),
            "taken_at_execution_6": taken,
        },
        remedy="Let the role that asks plan with the values each time (plan_cache_mode = force_custom_plan), or send "
        "this statement unprepared; it costs the planning time of every execution.",
        source="https://www.postgresql.org/docs/current/sql-prepare.html",
        patch=Patch(
            kind="postgresql.conf",
            text="plan_cache_mode = 'force_custom_plan'\n",
            rollback="plan_cache_mode = 'auto'\n",
        ),
    )
