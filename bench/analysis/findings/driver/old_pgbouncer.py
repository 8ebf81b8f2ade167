"""old-pgbouncer: behind transaction pooling this pgBouncer cannot keep prepared statements.

Trigger: a pgBouncer before 1.21 in pool mode ``transaction`` or ``statement``, or a newer one with
``max_prepared_statements = 0`` while the driver wants a statement cache: every execution is parsed and planned anew,
or fails with "prepared statement does not exist".
Source: https://www.pgbouncer.org/changelog.html#pgbouncer-121x (1.21.0, protocol-level prepared statements);
https://www.pgbouncer.org/config.html#max_prepared_statements.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bench.analysis.configuration.pgbouncer import DEFAULT_STATEMENTS, TRACKS_STATEMENTS
from bench.analysis.measurement import Finding, Patch
from bench.analysis.wording import treatment

if TYPE_CHECKING:
    from bench.analysis.findings.context import Context
    from bench.model.facts import PoolerFacts

RULE = "old-pgbouncer"
_VERSION = re.compile(r"(\d+)\.(\d+)")


def find(context: Context) -> list[Finding]:
    """Look at the treatments of the answer; the pooler is the same for all of them."""
    for measurement in context.deciding():
        for trial in context.trials(measurement)[:1]:
            pooler = trial.facts.pooler
            if pooler is None or pooler.mode == "session" or tracks_statements(pooler):
                continue
            old = _version(pooler) < TRACKS_STATEMENTS
            if not old and trial.scenario.pool.statement_cache == 0:
                continue  # nobody wants any
            why = f"{pooler.version} does not track them" if old else "`max_prepared_statements` is 0"
            split = measurement.metrics.get("split.driver_and_wire")
            return [
                Finding(
                    rule=RULE,
                    severity="warning",
                    status="measured",
                    summary=f"No prepared statements behind pool mode {pooler.mode}: {why}",
                    evidence={
                        "treatment": treatment(measurement.treatment),
                        "version": pooler.version,
                        "pool_mode": pooler.mode,
                        "max_prepared_statements": pooler.max_prepared_statements,
                        "driver_and_wire": split,
                    },
                    remedy="Use pgBouncer 1.21 or newer (`make setup` builds one), or pool mode `session`."
                    if old
                    else f"Set `max_prepared_statements` to {DEFAULT_STATEMENTS}, pgBouncer's own default since 1.24.",
                    source="https://www.pgbouncer.org/config.html#max_prepared_statements",
                    patch=None
                    if old
                    else Patch(
                        kind="pgbouncer.ini",
                        text=f"max_prepared_statements = {DEFAULT_STATEMENTS}\n",
                        rollback="max_prepared_statements = 0\n",
                    ),
                )
            ]
    return []


def tracks_statements(pooler: PoolerFacts) -> bool:
    """Tell whether prepared statements work through this pooler as it is set."""
    if pooler.mode == "session":
        return True
    return _version(pooler) >= TRACKS_STATEMENTS and pooler.max_prepared_statements > 0


def _version(pooler: PoolerFacts) -> tuple[int, int]:
    """Read ``PgBouncer 1.24.0``; a text that is no version counts as new, so that nobody is accused."""
    found = _VERSION.search(pooler.version)
    return (int(found[1]), int(found[2])) if found else TRACKS_STATEMENTS
