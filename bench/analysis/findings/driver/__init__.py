"""Rules about how the driver is used: round trips, prepared statements, connections thrown away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.analysis.findings.driver import (
    autocommit_off,
    connections_recycled,
    old_pgbouncer,
    reset_query_cost,
    statement_cache_off,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.analysis.findings.context import Context
    from bench.analysis.measurement import Finding

RULES: tuple[Callable[[Context], list[Finding]], ...] = (
    reset_query_cost.find,
    statement_cache_off.find,
    autocommit_off.find,
    connections_recycled.find,
    old_pgbouncer.find,
)
