"""PO04-capacity: the pools can ask for more connections than the server gives.

    pools x (pool size + processes x reserve) + direct <= max_connections - reserved

Trigger: the identity does not hold for a treatment of the answer, with ``direct`` = 10 connections for migrations,
monitoring and people. ``pool size`` is that of all processes together. One pair of database and user is counted: more
pairs multiply the pool.
Source: https://www.pgbouncer.org/config.html#default_pool_size (a pool for each pair of user and database);
heroku-buildpack-pgbouncer #119; the formula is that of ``bench config``.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from bench.analysis.configuration.in_force import amount_in_force, ordinary_connections
from bench.analysis.configuration.inputs import Inputs
from bench.analysis.measurement import Finding, Patch
from bench.analysis.wording import treatment

if TYPE_CHECKING:
    from bench.analysis.findings.context import Context
    from bench.model.facts import PoolerFacts
    from bench.model.scenario import Scenario

RULE = "PO04-capacity"
DIRECT = Inputs(cores=1, memory_bytes=1).direct


def find(context: Context) -> list[Finding]:
    """Report the treatment of the answer that asks for most."""
    if not context.run.settings:  # nobody read the server's settings, so nothing can be said of its room
        return []
    room = ordinary_connections(context.run.settings)
    asked = []
    for measurement in context.deciding():
        trials = context.trials(measurement)
        if trials:
            asked.append((_pooled(trials[0].scenario, trials[0].facts.pooler), measurement))
    if not asked:
        return []
    pooled, measurement = max(asked, key=lambda pair: pair[0])
    if pooled + DIRECT <= room:
        return []
    before = int(amount_in_force(context.run.settings, "max_connections") or 0)
    wanted = math.ceil((pooled + DIRECT + before - room) / 10) * 10
    return [
        Finding(
            rule=RULE,
            severity="high" if pooled > room else "warning",
            status="measured",
            summary=f"The pools may ask for {pooled} connections and others for {DIRECT}, the server gives {room}: "
            "some will be refused",
            evidence={
                "treatment": treatment(measurement.treatment),
                "pooled": pooled,
                "direct": DIRECT,
                "max_connections": before,
                "ordinary_connections": room,
                "formula": "pools x (pool size + processes x reserve) + direct <= max_connections - reserved",
            },
            remedy="Use a smaller pool, or raise `max_connections` (a restart; each connection costs memory).",
            source="https://www.pgbouncer.org/config.html#default_pool_size; heroku-buildpack-pgbouncer #119",
            patch=Patch(
                kind="postgresql.conf",
                text=f"max_connections = {wanted}\n",
                rollback=f"max_connections = {before}\n",
            ),
        )
    ]


def _pooled(scenario: Scenario, pooler: PoolerFacts | None) -> int:
    """Return the server connections that the pools may open, with the pooler's reserve where it is known."""
    if scenario.pooler.kind == "none":
        return scenario.pool.size
    reserve = int(pooler.settings.get("reserve_pool_size", 0)) if pooler else 0
    return (scenario.pooler.size or scenario.pool.size) + scenario.pooler.processes * reserve
