"""WT05-open-transactions: connections wait for the application while it holds a transaction open.

Trigger: of the sessions in use (at work, or idle in a transaction) at least half are idle in a transaction
(``ClientRead``), by all of the interval over eight readings or more, and at least one is in a mean reading; and server,
pooler, generator and machine have room (``bench.analysis.bottleneck``). Such a connection serves nobody else, and the
locks of its transaction stay.
Source: https://www.postgresql.org/docs/current/runtime-config-client.html (idle_in_transaction_session_timeout).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.analysis.findings.waits.waiting import waiting_for

if TYPE_CHECKING:
    from bench.analysis.findings.context import Context
    from bench.analysis.measurement import Finding

RULE = "WT05-open-transactions"


def find(context: Context) -> list[Finding]:
    """Report the treatment with the highest throughput whose transactions wait for the application."""
    waiting = waiting_for(context, "transactions")
    if waiting is None:
        return []
    operations = {one.name: len(one.steps) for one in context.scenario.operation if one.is_transaction}
    return [
        waiting.finding(
            RULE,
            what="",
            evidence={
                "statements_of_transactions": operations or "none of the scenario's operations is a transaction",
                "round_trips_per_operation": waiting.measurement.metrics.get("round_trips_per_operation"),
            },
            remedy="Let transactions wait for the server only: send their statements with fewer round trips (one "
            "statement with CTEs, a function, a pipeline), move calls to other services and computing before BEGIN or "
            "after COMMIT, bring the application nearer to the server. `idle_in_transaction_session_timeout` bounds "
            "what is forgotten. A larger pool hides it at the price of more connections and longer locks.",
            source="https://www.postgresql.org/docs/current/runtime-config-client.html",
        )
    ]
