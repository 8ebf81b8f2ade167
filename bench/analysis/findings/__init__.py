"""Rules: each looks at a finished run and returns findings. One rule a file; this tuple is the register."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.analysis.findings import (
    best_pool_size,
    budget_missed,
    capacity,
    cold_start,
    generator_saturated,
    littles_law,
    plan_lacks_index,
    pool_oversized,
    pooler_saturated,
    reset_query_cost,
    sequential_scan,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.analysis.findings.context import Context
    from bench.analysis.measurement import Finding

RULES: tuple[Callable[[Context], list[Finding]], ...] = (
    littles_law.find,
    capacity.find,
    budget_missed.find,
    best_pool_size.find,
    pool_oversized.find,
    generator_saturated.find,
    pooler_saturated.find,
    reset_query_cost.find,
    cold_start.find,
    plan_lacks_index.find,
    sequential_scan.find,
)


def find_all(context: Context) -> tuple[Finding, ...]:
    """Apply every rule, in the order of the register."""
    return tuple(finding for rule in RULES for finding in rule(context))
