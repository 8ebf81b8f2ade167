"""PO05-client-cap: the clients' pools together reach the number of clients that pgBouncer takes.

Trigger: connections of all pools above 80 % of ``max_client_conn`` (warning), above all of it (high: logins are
refused). Source: https://www.pgbouncer.org/config.html#max_client_conn; 80 % is the alert of postgres_exporter's mixin.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.analysis.configuration.inputs import Inputs
from bench.analysis.configuration.pgbouncer import max_client_connections
from bench.analysis.measurement import Finding, Patch
from bench.analysis.wording import percent, treatment

if TYPE_CHECKING:
    from bench.analysis.findings.context import Context
    from bench.model.facts import PoolerFacts

RULE = "PO05-client-cap"
NEAR = 0.8


def find(context: Context) -> list[Finding]:
    """Report the treatment of the answer that comes nearest."""
    found = []
    for measurement in context.deciding():
        for trial in context.trials(measurement):
            limit = _limit(trial.facts.pooler)
            if limit is not None:
                clients = sum(worker.pool_size for worker in trial.facts.workers) or trial.scenario.pool.size
                found.append((clients / limit, clients, limit, trial, measurement))
    if not found:
        return []
    share, clients, limit, trial, measurement = max(found, key=lambda entry: entry[0])
    if share <= NEAR:
        return []
    processes = trial.scenario.pooler.processes
    wanted = max_client_connections(Inputs(cores=1, memory_bytes=1, clients=clients, processes=processes))
    return [
        Finding(
            rule=RULE,
            severity="high" if share > 1 else "warning",
            status="measured",
            summary=f"The pools hold {clients} connections to pgBouncer, which takes {limit} ({percent(share)})",
            evidence={
                "treatment": treatment(measurement.treatment),
                "client_connections": clients,
                "max_client_conn_of_all_processes": limit,
                "formula": "sum of the pools' sizes <= 0.8 x max_client_conn",
            },
            remedy=f"Raise `max_client_conn` to {wanted} or more, and the limit on open files with it: "
            "a descriptor for each client and each server connection.",
            source="https://www.pgbouncer.org/config.html#max_client_conn",
            patch=Patch(
                kind="pgbouncer.ini",
                text=f"max_client_conn = {wanted}\n",
                rollback=f"max_client_conn = {limit // processes}\n",
            ),
        )
    ]


def _limit(pooler: PoolerFacts | None) -> int | None:
    text = pooler.settings.get("max_client_conn", "") if pooler else ""
    return int(text) * pooler.processes if pooler and text.isdigit() and int(text) > 0 else None
