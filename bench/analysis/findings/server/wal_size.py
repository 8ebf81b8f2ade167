"""SV02-wal-size: the load writes so much WAL that checkpoints come before their time.

Trigger: WAL written by the load's statements in the window, carried on for ``checkpoint_timeout``, exceeds the
distance at which the server requests a checkpoint: ``max_wal_size / (1 + checkpoint_completion_target)``. Warning from
three times that. Each such checkpoint writes full pages anew, which makes more WAL still.
Source: https://www.postgresql.org/docs/current/wal-configuration.html; pg_stat_statements (wal_bytes);
postgres_exporter's mixin alerts on requested checkpoints.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from bench.analysis.configuration.in_force import amount_in_force
from bench.analysis.configuration.postgresql import wal_sizes
from bench.analysis.configuration.setting import GIB, gigabytes, megabytes
from bench.analysis.measurement import Finding, Patch
from bench.analysis.wording import seconds, treatment

if TYPE_CHECKING:
    from bench.analysis.findings.context import Context
    from bench.analysis.summary import TrialSummary

RULE = "SV02-wal-size"
COMPLETION = 0.9
"""``checkpoint_completion_target``, the default since PostgreSQL 14."""
GREAT = 3.0


def find(context: Context) -> list[Finding]:
    """Report the treatment of the answer that writes most."""
    rates = [
        (sum(known) / len(known), measurement)
        for measurement in context.deciding()
        if (known := [rate for trial in context.trials(measurement) if (rate := wal_rate(trial)) is not None])
    ]
    most = amount_in_force(context.run.settings, "max_wal_size")
    timeout_ms = amount_in_force(context.run.settings, "checkpoint_timeout")
    if not rates or not most or not timeout_ms:
        return []
    rate, measurement = max(rates, key=lambda entry: entry[0])
    written = rate * timeout_ms / 1000
    distance = most / (1 + COMPLETION)
    if written <= distance:
        return []
    needed = math.ceil(written * (1 + COMPLETION) / GIB) * GIB
    wanted = max(needed, wal_sizes(context.inputs)[1] if context.inputs else needed)
    return [
        Finding(
            rule=RULE,
            severity="warning" if written >= GREAT * distance else "info",
            status="measured",
            summary=f"At {gigabytes(rate)}/s of WAL a checkpoint is requested every {seconds(distance / rate)}, "
            f"not every {seconds(timeout_ms / 1000)}",
            evidence={
                "treatment": treatment(measurement.treatment),
                "wal_per_second": f"{gigabytes(rate)}/s",
                "max_wal_size": gigabytes(most),
                "checkpoint_timeout_s": timeout_ms / 1000,
                "formula": "WAL/s x checkpoint_timeout <= max_wal_size / (1 + checkpoint_completion_target)",
            },
            remedy=f"Set max_wal_size = {megabytes(wanted)}, if the disk has room; recovery takes longer.",
            source="https://www.postgresql.org/docs/current/wal-configuration.html",
            patch=Patch(
                kind="postgresql.conf",
                text=f"max_wal_size = '{megabytes(wanted)}'\n",
                rollback=f"max_wal_size = '{megabytes(most)}'\n",
            ),
        )
    ]


def wal_rate(trial: TrialSummary) -> float | None:
    """Return bytes of WAL per second that the load's statements wrote; None where nobody counted."""
    server = trial.facts.server
    if server is None or server.until_ns <= server.since_ns:
        return None
    return sum(fact.wal_bytes for fact in server.statements) * 1e9 / (server.until_ns - server.since_ns)
