"""Rules about pools: how many connections, where they wait, what shares them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.analysis.findings.pool import (
    churn,
    client_cap,
    generator_saturated,
    machine_saturated,
    mode_hazard,
    overload,
    oversized,
    pooler_saturated,
    queue,
    room,
    statements_evicted,
    wait_timeout,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.analysis.findings.context import Context
    from bench.analysis.measurement import Finding

RULES: tuple[Callable[[Context], list[Finding]], ...] = (
    queue.find,
    overload.find,
    pooler_saturated.find,
    generator_saturated.find,
    machine_saturated.find,
    oversized.find,
    room.find,
    client_cap.find,
    statements_evicted.find,
    wait_timeout.find,
    churn.find,
    mode_hazard.find,
)
