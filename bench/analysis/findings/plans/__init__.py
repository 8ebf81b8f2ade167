"""Rules on query plans, one a file, applied to a run's plans and by `bench explain`. This tuple is their register."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.analysis.findings.plans import (
    intended_index,
    pl01_selective_scan,
    pl02_misestimate,
    pl03_filter_removed,
    pl04_sort_spill,
    pl05_hash_batches,
    pl06_nested_loop,
    pl07_heap_fetches,
    pl08_lossy,
    pl09_no_pruning,
    pl10_generic_flip,
    pl11_planning,
    pl12_jit,
    pl13_blocked_index,
    pl14_policy_per_row,
    pl17_workers,
)
from bench.analysis.findings.plans.evidence import Evidence

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bench.analysis.measurement import Finding
    from bench.model.facts import PlanFact
    from bench.model.scenario import Scenario

PLAN_RULES: tuple[Callable[[Evidence], list[Finding]], ...] = (
    intended_index.find,
    pl01_selective_scan.find,
    pl02_misestimate.find,
    pl03_filter_removed.find,
    pl04_sort_spill.find,
    pl05_hash_batches.find,
    pl06_nested_loop.find,
    pl07_heap_fetches.find,
    pl08_lossy.find,
    pl09_no_pruning.find,
    pl10_generic_flip.find,
    pl11_planning.find,
    pl12_jit.find,
    pl13_blocked_index.find,
    pl14_policy_per_row.find,
    pl17_workers.find,
)
"""What changed against a baseline (another shape, more buffers) is judged by the gate, which has both sides."""


_EXPLAINED_BY = {
    pl13_blocked_index.RULE: (intended_index.RULE, pl01_selective_scan.RULE, pl03_filter_removed.RULE),
    intended_index.RULE: (pl01_selective_scan.RULE, pl03_filter_removed.RULE),
    pl10_generic_flip.RULE: (pl03_filter_removed.RULE,),
}
"""Rules that name a cause, and those that would name its effect once more."""


def find_in_plans(facts: Sequence[PlanFact], scenario: Scenario) -> list[Finding]:
    """Apply every rule to plans of one scenario; of one operation the cause is named, not its effects as well."""
    evidence = Evidence(facts, scenario)
    found = [finding for rule in PLAN_RULES for finding in rule(evidence)]
    known = {
        (effect, finding.evidence["operation"])
        for finding in found
        for effect in _EXPLAINED_BY.get(finding.rule, ())
        if finding.severity == "high"
    }
    return [finding for finding in found if (finding.rule, finding.evidence["operation"]) not in known]
