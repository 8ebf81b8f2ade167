"""PO06-ps-miss: pgBouncer forgets prepared statements, so the server parses and plans them again.

Trigger: more than a tenth of the executions under a treatment of the answer needed a Parse at the server
(``server_parse / max(client_parse, bind)`` of SHOW STATS): each server connection keeps at most
``max_prepared_statements`` of them. Without tracking at all (0) nothing is counted, and there is no figure to judge.
Source: https://www.pgbouncer.org/config.html#max_prepared_statements; https://www.pgbouncer.org/usage.html#show-stats.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.analysis.configuration.pgbouncer import statements_tracked
from bench.analysis.measurement import Finding, Patch
from bench.analysis.wording import number, percent, treatment

if TYPE_CHECKING:
    from bench.analysis.findings.context import Context
    from bench.analysis.summary import TrialSummary

RULE = "PO06-ps-miss"
MISSED = 0.1
GREAT = 0.5
FEWEST = 100
"""Executions below which a share says little: each connection has to parse a statement once."""


def find(context: Context) -> list[Finding]:
    """Report the treatment of the answer with the highest share of misses."""
    found = [
        (share, trial, measurement)
        for measurement in context.deciding()
        for trial in context.trials(measurement)
        if (share := miss_share(trial)) is not None
    ]
    if not found:
        return []
    share, trial, measurement = max(found, key=lambda entry: entry[0])
    pooler, server = trial.facts.pooler, trial.facts.server
    if share <= MISSED or pooler is None:
        return []
    distinct = len(server.statements) if server else sum(len(one.steps) for one in context.scenario.operation)
    kept = pooler.max_prepared_statements
    wanted = statements_tracked(distinct)
    return [
        Finding(
            rule=RULE,
            severity="warning" if share > GREAT else "info",
            status="measured",
            summary=f"{percent(share)} of the executions had to be parsed again at the server: pgBouncer keeps {kept} "
            f"prepared statements a connection, the load uses {distinct}",
            evidence={
                "treatment": treatment(measurement.treatment),
                "server_parse": pooler.stats["total_server_parse_count"],
                "client_parse": pooler.stats.get("total_client_parse_count"),
                "bind": pooler.stats.get("total_bind_count"),
                "max_prepared_statements": kept,
                "distinct_statements": distinct,
                "formula": "server_parse / max(client_parse, bind) > 0.1",
            },
            remedy=f"Set `max_prepared_statements` to {number(wanted)}: above the number of distinct statements."
            if wanted > kept
            else "The statements fit, so something else drops them: look for short server lifetimes and RECONNECT.",
            source="https://www.pgbouncer.org/config.html#max_prepared_statements",
            patch=Patch(
                kind="pgbouncer.ini",
                text=f"max_prepared_statements = {wanted}\n",
                rollback=f"max_prepared_statements = {kept}\n",
            )
            if wanted > kept
            else None,
        )
    ]


def miss_share(trial: TrialSummary) -> float | None:
    """Return parses at the server per execution; None where they were not counted or are too few."""
    stats = trial.facts.pooler.stats if trial.facts.pooler else {}
    executions = max(stats.get("total_client_parse_count", 0), stats.get("total_bind_count", 0))
    if "total_server_parse_count" not in stats or executions < FEWEST:
        return None
    return stats["total_server_parse_count"] / executions
