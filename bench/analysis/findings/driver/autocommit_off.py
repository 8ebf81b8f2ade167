"""autocommit-off: single statements are wrapped in BEGIN and COMMIT, which are round trips of their own.

Trigger: psycopg without autocommit under a treatment of the answer, and operations of one statement. Where pgBouncer
counted at least 1.8 round trips for each of them, the cost is measured; without its counters it is known from the
documentation alone.
Source: https://www.psycopg.org/psycopg3/docs/basic/transactions.html#autocommit-transactions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.analysis.configuration.setting import RULE_OF_THUMB
from bench.analysis.findings.context import throughput
from bench.analysis.measurement import Finding, Patch
from bench.analysis.wording import number, treatment

if TYPE_CHECKING:
    from bench.analysis.findings.context import Context
    from bench.analysis.measurement import Measurement

RULE = "autocommit-off"
ROUND_TRIPS = 1.8
"""Per operation of one statement, above which somebody sends more than it."""
_DRIVERS = ("psycopg", "locust")


def find(context: Context) -> list[Finding]:
    """Report the treatment of the answer with the highest throughput that wraps single statements."""
    if any(operation.is_transaction for operation in context.scenario.operation):
        return []
    affected = [measurement for measurement in context.deciding() if _wraps(context, measurement)]
    if not affected:
        return []
    top = max(affected, key=throughput)
    trips = top.metrics.get("round_trips_per_operation")
    counted = trips is not None and trips.point >= ROUND_TRIPS
    told = f": {number(trips.point)} round trips per operation of one statement" if trips and counted else ""
    return [
        Finding(
            rule=RULE,
            severity="warning" if counted else "info",
            status="measured" if counted else RULE_OF_THUMB,
            summary=f"Without autocommit every statement is wrapped in BEGIN and COMMIT{told}",
            evidence={
                "treatment": treatment(top.treatment),
                "round_trips_per_operation": trips,
                "driver_and_wire": top.metrics.get("split.driver_and_wire"),
                "formula": "queries that pgBouncer counted / operations",
            },
            remedy="Open the pool's connections with `autocommit=True`, and say `conn.transaction()` where several "
            "statements belong together.",
            source="https://www.psycopg.org/psycopg3/docs/basic/transactions.html#autocommit-transactions",
            patch=Patch(kind="scenario", text="[pool]\nautocommit = true\n", rollback="[pool]\nautocommit = false\n"),
        )
    ]


def _wraps(context: Context, measurement: Measurement) -> bool:
    trials = context.trials(measurement)
    return bool(trials) and all(
        trial.scenario.pool.driver in _DRIVERS and not trial.scenario.pool.autocommit for trial in trials
    )
