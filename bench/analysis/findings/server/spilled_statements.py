"""SV03-work-mem: statements of the load write temporary files, seen by their counters rather than by a plan.

Trigger: pg_stat_statements shows temporary blocks written by a statement whose operation has no recorded plan (a step
of a transaction, a write). Where there is a plan, its sort or hash says more, and the finding is that plan's.
Source: https://www.postgresql.org/docs/current/runtime-config-resource.html (work_mem); pg_stat_statements
(temp_blks_written); the limit for all sessions together is postgresqltuner's worst case.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.analysis.configuration.in_force import amount_in_force
from bench.analysis.configuration.postgresql import maintenance_work_mem, shared_buffers, worst_memory
from bench.analysis.configuration.setting import KIB, MIB, gigabytes, megabytes
from bench.analysis.findings.plans.pl04_sort_spill import enough_mb
from bench.analysis.measurement import Finding, Patch
from bench.analysis.statements import normalise
from bench.analysis.wording import number, percent, treatment

if TYPE_CHECKING:
    from bench.analysis.findings.context import Context
    from bench.model.facts import StatementFacts

RULE = "SV03-work-mem"
BLOCK = 8 * KIB
LARGE_SHARE = 0.8
"""Of memory that all sessions may take together, above which work_mem is for one role or statement only."""


def find(context: Context) -> list[Finding]:
    """Report the statement that spills most per call, of the treatments of the answer."""
    explained = {normalise(fact.sql) for fact in context.plans}
    found = [
        (fact.temp_blks_written * BLOCK / fact.calls, fact, measurement)
        for measurement in context.deciding()
        for trial in context.trials(measurement)
        if trial.facts.server
        for fact in trial.facts.server.statements
        if fact.temp_blks_written and fact.calls and normalise(fact.query) not in explained
    ]
    if not found:
        return []
    spilled, fact, measurement = max(found, key=lambda entry: entry[0])
    return [_finding(context, spilled, fact, treatment(measurement.treatment))]


def _finding(context: Context, spilled: float, fact: StatementFacts, where: str) -> Finding:
    now = amount_in_force(context.run.settings, "work_mem") or 0.0
    wanted = enough_mb(spilled / KIB) * MIB
    connections = amount_in_force(context.run.settings, "max_connections") or 0.0
    evidence: dict[str, Any] = {
        "treatment": where,
        "statement": " ".join(fact.query.split())[:200],
        "spilled_per_call": f"{number(spilled / 1024)} kB",
        "calls": fact.calls,
        "work_mem": megabytes(now),
        "formula": "3 x what went to disk, rounded up to a power of two",
    }
    caution = "Each sort or hash of each session may take it."
    if context.inputs is not None:
        buffers = amount_in_force(context.run.settings, "shared_buffers") or shared_buffers(context.inputs)
        worst = worst_memory(buffers, connections, wanted, maintenance_work_mem(context.inputs))
        share = worst / context.inputs.memory_bytes
        evidence["memory_at_worst"] = f"{gigabytes(worst)}, {percent(share)} of memory"
        if share > LARGE_SHARE:
            caution = "For all sessions that is more than there is: set it for this role or statement only."
    return Finding(
        rule=RULE,
        severity="warning",
        status="measured",
        summary=f"A statement writes {number(spilled / 1024)} kB to temporary files per call, "
        f"with work_mem at {megabytes(now)}",
        evidence=evidence,
        remedy=f"Set work_mem = {megabytes(wanted)}. {caution}",
        source="https://www.postgresql.org/docs/current/runtime-config-resource.html (work_mem)",
        patch=Patch(
            kind="postgresql.conf",
            text=f"work_mem = '{megabytes(wanted)}'\n",
            rollback=f"work_mem = '{megabytes(now)}'\n",
        ),
    )
