"""PO07-wait-timeout: clients may queue in pgBouncer long after anybody reads their answer.

Trigger: there is a budget, more clients than server connections, so that some may wait, and ``query_wait_timeout`` is
above ten budgets: overload then shows as slowness instead of errors that a caller can handle.
Source: https://www.pgbouncer.org/config.html#query_wait_timeout (120 s by default); ten budgets are a rule of thumb,
that of ``bench config``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.analysis.bottleneck import budget_s
from bench.analysis.configuration.pgbouncer import query_wait_timeout_s
from bench.analysis.configuration.setting import RULE_OF_THUMB
from bench.analysis.measurement import Finding, Patch
from bench.analysis.wording import seconds, treatment

if TYPE_CHECKING:
    from bench.analysis.findings.context import Context
    from bench.analysis.measurement import Measurement
    from bench.analysis.summary import TrialSummary

RULE = "PO07-wait-timeout"


def find(context: Context) -> list[Finding]:
    """Look at the treatments of the answer; one finding for all of them."""
    for measurement in context.deciding():
        for trial in context.trials(measurement)[:1]:
            found = _judge(measurement, trial)
            if found is not None:
                return [found]
    return []


def _judge(measurement: Measurement, trial: TrialSummary) -> Finding | None:
    pooler, budget = trial.facts.pooler, budget_s(trial)
    text = pooler.settings.get("query_wait_timeout", "") if pooler else ""
    if pooler is None or budget is None or not text.isdigit() or trial.scenario.pool.size <= pooler.pool_size:
        return None
    timeout_s, wanted_s = int(text), query_wait_timeout_s(budget)
    if 0 < timeout_s <= wanted_s:
        return None
    waits = "for ever" if timeout_s == 0 else f"up to {seconds(timeout_s)}"
    longest_us = max((gauge.maxwait_us for gauge in pooler.gauges), default=0)
    return Finding(
        rule=RULE,
        severity="info",
        status=RULE_OF_THUMB,
        summary=f"Clients may wait {waits} in pgBouncer, the budget is {seconds(budget)}: overload hides as slowness",
        evidence={
            "treatment": treatment(measurement.treatment),
            "query_wait_timeout_s": timeout_s,
            "budget_s": budget,
            "longest_wait_seen_us": longest_us,
            "formula": "query_wait_timeout <= max(1 s, 10 x budget)",
        },
        remedy=f"Set `query_wait_timeout` to {wanted_s} s and let callers handle the error.",
        source="https://www.pgbouncer.org/config.html#query_wait_timeout",
        patch=Patch(
            kind="pgbouncer.ini",
            text=f"query_wait_timeout = {wanted_s}\n",
            rollback=f"query_wait_timeout = {timeout_s}\n",
        ),
    )
