"""connections-recycled: the driver's pool threw connections away and opened new ones while the load was steady.

Trigger: connections opened inside a steady window, at least one in a thousand operations (warning from one in a
hundred), while the pool was filled before. asyncpg closes a connection after ``max_queries`` (50,000), and one that
was unused for ``max_inactive_connection_lifetime``; somebody waits for each new one, and it prepares all anew.
Source: https://magicstack.github.io/asyncpg/current/api/index.html#connection-pools (max_queries).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.analysis.measurement import Finding, Patch
from bench.analysis.wording import percent, treatment

if TYPE_CHECKING:
    from bench.analysis.findings.context import Context

RULE = "connections-recycled"
SHARE = 0.001
GREAT_SHARE = 0.01
MAX_QUERIES = 50_000
"""asyncpg's own default."""


def find(context: Context) -> list[Finding]:
    """Report the treatment of the answer that recycles most."""
    if context.scenario.run.expect == "transient":
        return []
    found = []
    for measurement in context.deciding():
        for trial in context.trials(measurement):
            opened = sum(worker.connections_opened for worker in trial.facts.workers)
            if trial.scenario.pool.prewarm and trial.everything.total:
                found.append((opened / trial.everything.total, opened, trial, measurement))
    if not found:
        return []
    share, opened, trial, measurement = max(found, key=lambda entry: entry[0])
    if share < SHARE:
        return []
    pool = trial.scenario.pool
    low = pool.driver == "asyncpg" and pool.max_queries < MAX_QUERIES
    return [
        Finding(
            rule=RULE,
            severity="warning" if share >= GREAT_SHARE else "info",
            status="measured",
            summary=f"{opened:,} connections were opened in a steady window, one for {1 / share:,.0f} operations",
            evidence={
                "treatment": treatment(measurement.treatment),
                "connections_opened": opened,
                "operations": trial.everything.total,
                "share": percent(share),
                "max_queries": pool.max_queries,
                "max_inactive_s": pool.max_inactive.seconds,
                "response_time_p99": measurement.metrics.get("response_time.p99"),
                "formula": "connections opened in the window / operations >= 0.001",
            },
            remedy=f"Raise `pool.max_queries` from {pool.max_queries:,} to {MAX_QUERIES:,}, asyncpg's own default."
            if low
            else "Look at `pool.max_inactive`, at lost connections, and at what the pool does after an error.",
            source="https://magicstack.github.io/asyncpg/current/api/index.html#connection-pools (max_queries)",
            patch=Patch(
                kind="scenario",
                text=f"[pool]\nmax_queries = {MAX_QUERIES}\n",
                rollback=f"[pool]\nmax_queries = {pool.max_queries}\n",
            )
            if low
            else None,
        )
    ]
