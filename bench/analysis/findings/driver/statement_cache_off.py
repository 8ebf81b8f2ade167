"""statement-cache-off: every execution is parsed and planned anew, because the driver keeps no prepared statements.

Trigger: ``pool.statement_cache = 0`` under a treatment of the answer, where prepared statements would work. What it
costs hides in service time outside execution (``driver_and_wire``), as pg_stat_statements counts execution only; with
asyncpg it is a round trip more. That part bounds what a cache can save.
Source: https://magicstack.github.io/asyncpg/current/usage.html#prepared-statements (statement_cache_size),
https://www.psycopg.org/psycopg3/docs/advanced/prepare.html (prepare_threshold).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.analysis.configuration.setting import RULE_OF_THUMB
from bench.analysis.findings.context import throughput
from bench.analysis.findings.driver.old_pgbouncer import tracks_statements
from bench.analysis.measurement import Finding, Patch
from bench.analysis.wording import percent, treatment

if TYPE_CHECKING:
    from bench.analysis.findings.context import Context
    from bench.analysis.measurement import Measurement

RULE = "statement-cache-off"
CACHE = 100
"""Prepared statements that asyncpg keeps for a connection, its own default."""
GREAT_SHARE = 0.5


def find(context: Context) -> list[Finding]:
    """Report the treatment of the answer with the highest throughput that runs without a cache."""
    affected = [measurement for measurement in context.deciding() if _lacks_cache(context, measurement)]
    if not affected:
        return []
    top = max(affected, key=throughput)
    outside, server = top.metrics.get("split.driver_and_wire"), top.metrics.get("split.server")
    service = top.metrics.get("service_time.mean")
    share = outside.point / service.point if outside and service and service.point > 0 else None
    return [
        Finding(
            rule=RULE,
            severity="warning" if share is not None and share >= GREAT_SHARE else "info",
            status=RULE_OF_THUMB if share is None else "measured",
            summary="Without a statement cache every execution is parsed and planned anew"
            + ("" if share is None else f": {percent(share)} of service time passes outside execution"),
            evidence={
                "treatment": treatment(top.treatment),
                "driver_and_wire": outside,
                "server_execution": server,
                "round_trips_per_operation": top.metrics.get("round_trips_per_operation"),
                "formula": "driver_and_wire / service time: what parsing, planning and the wire take together",
            },
            remedy=f"Keep {CACHE} prepared statements a connection; behind pgBouncer with `max_prepared_statements`.",
            source="https://magicstack.github.io/asyncpg/current/usage.html#prepared-statements",
            patch=Patch(
                kind="scenario",
                text=f"[pool]\nstatement_cache = {CACHE}\n",
                rollback="[pool]\nstatement_cache = 0\n",
            ),
        )
    ]


def _lacks_cache(context: Context, measurement: Measurement) -> bool:
    trials = context.trials(measurement)
    return bool(trials) and all(
        trial.scenario.pool.statement_cache == 0
        and trial.scenario.pool.driver != "pgbench"
        and (trial.facts.pooler is None or tracks_statements(trial.facts.pooler))
        for trial in trials
    )
