"""SV01-shared-buffers: blocks are read from outside ``shared_buffers`` although there is memory for more of them.

Trigger: under a treatment of the answer fewer than 99 % of at least 10,000 block accesses found their block in
``shared_buffers`` (warning below 98 %). The counter cannot see the kernel's cache, so a miss need not be a disk's read:
the finding says what to try, and the response times say whether it matters.
Source: pg_stat_database (blks_hit, blks_read); pghero (99 %) and postgres_exporter's mixin (98 %);
https://www.postgresql.org/docs/current/runtime-config-resource.html (25 % of memory to start with).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.analysis.configuration.in_force import amount_in_force
from bench.analysis.configuration.postgresql import shared_buffers
from bench.analysis.configuration.setting import gigabytes, megabytes
from bench.analysis.measurement import Finding, Patch
from bench.analysis.wording import number, percent, treatment

if TYPE_CHECKING:
    from bench.analysis.findings.context import Context

RULE = "SV01-shared-buffers"
GOOD = 0.99
POOR = 0.98
FEWEST = 10_000


def find(context: Context) -> list[Finding]:
    """Report the treatment of the answer with the lowest share of hits."""
    found = []
    for measurement in context.deciding():
        databases = [trial.facts.server.database for trial in context.trials(measurement) if trial.facts.server]
        hits = sum(database.get("blks_hit", 0.0) for database in databases)
        reads = sum(database.get("blks_read", 0.0) for database in databases)
        if hits + reads >= FEWEST:
            found.append((hits / (hits + reads), reads, measurement))
    if not found:
        return []
    share, reads, measurement = min(found, key=lambda entry: entry[0])
    if share >= GOOD:
        return []
    now = amount_in_force(context.run.settings, "shared_buffers") or 0.0
    inputs = context.inputs
    wanted = None if inputs is None else shared_buffers(inputs)
    more = wanted is not None and wanted > 1.1 * now
    evidence = {
        "treatment": treatment(measurement.treatment),
        "hit_share": percent(share),
        "blocks_read": number(reads),
        "shared_buffers": gigabytes(now),
        "formula": "blks_hit / (blks_hit + blks_read) >= 0.99; shared_buffers = memory / 4",
    }
    if inputs is not None:
        evidence["memory"] = gigabytes(inputs.memory_bytes)
    return [
        Finding(
            rule=RULE,
            severity="warning" if share < POOR else "info",
            status="measured",
            summary=f"{percent(1 - share)} of the blocks were not in shared_buffers ({gigabytes(now)})",
            evidence=evidence,
            remedy=f"Try shared_buffers = {megabytes(wanted)} (a restart)."
            if wanted is not None and more
            else "It has its share of memory already, or the memory is not known: look for statements that read more "
            "than they return before adding memory.",
            source="https://www.postgresql.org/docs/current/runtime-config-resource.html; pghero; postgres_exporter",
            patch=Patch(
                kind="postgresql.conf",
                text=f"shared_buffers = '{megabytes(wanted)}'\n",
                rollback=f"shared_buffers = '{megabytes(now)}'\n",
            )
            if wanted is not None and more
            else None,
        )
    ]
