"""Rules: each looks at a finished run and returns findings. One rule a file; this tuple is the register."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.analysis.findings import (
    best_pool_size,
    budget_missed,
    capacity,
    cold_start,
    driver,
    littles_law,
    pool,
    server,
    waits,
)
from bench.analysis.findings.plans import find_in_plans

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.analysis.findings.context import Context
    from bench.analysis.measurement import Finding

RULES: tuple[Callable[[Context], list[Finding]], ...] = (
    littles_law.find,
    capacity.find,
    budget_missed.find,
    best_pool_size.find,
    *pool.RULES,
    *waits.RULES,
    *driver.RULES,
    *server.RULES,
    cold_start.find,
)


def find_all(context: Context) -> tuple[Finding, ...]:
    """Apply every rule, in the order of the register, then those on plans."""
    found = [finding for rule in RULES for finding in rule(context)]
    return (*found, *find_in_plans(context.plans, context.scenario))
