"""PO03-oversized: connections that are never used, or that cost throughput.

Two triggers. Unused: at the highest load the pooler never had half of its server connections in use at once. Harmful:
a larger pool than the answer is shown to be worse by more than the margin.
Source: SHOW POOLS ``sv_active`` (https://www.pgbouncer.org/usage.html#show-pools); interleaved trials paired by block;
https://github.com/brettwooldridge/HikariCP/wiki/About-Pool-Sizing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.analysis.measurement import Finding, Patch
from bench.analysis.wording import percent, treatment
from bench.design.search import MARGIN

if TYPE_CHECKING:
    from bench.analysis.answer import SubjectAnswer
    from bench.analysis.findings.context import Context
    from bench.analysis.load_answer import SizeAnswer

RULE = "PO03-oversized"
UNUSED_SHARE = 0.5
FEWEST_GAUGES = 8
"""Readings of SHOW POOLS below which a maximum says little."""


def find(context: Context) -> list[Finding]:
    """Look at the answer's size under the highest load, and at the sizes above it."""
    return [
        finding
        for subject in context.answer.subjects
        for finding in (_unused(context, subject), _harmful(context, subject))
        if finding is not None
    ]


def _unused(context: Context, subject: SubjectAnswer) -> Finding | None:
    top = subject.loads[-1]
    size = subject.recommended
    measurement = None if size is None else context.of({**subject.levels, top.key: top.load, "pool.size": size})
    if measurement is None or not measurement.valid:
        return None
    poolers = [trial.facts.pooler for trial in context.trials(measurement) if trial.facts.pooler is not None]
    active = [gauge.sv_active for pooler in poolers for gauge in pooler.gauges]
    pool_size = max((pooler.pool_size for pooler in poolers), default=0)
    if len(active) < FEWEST_GAUGES or max(active) >= UNUSED_SHARE * pool_size:
        return None
    return Finding(
        rule=RULE,
        severity="info",
        status="measured",
        summary=f"At most {max(active)} of {pool_size} server connections were in use at once "
        f"({percent(max(active) / pool_size)})",
        evidence={
            "treatment": treatment(measurement.treatment),
            "most_sv_active": max(active),
            "pool_size": pool_size,
            "readings": len(active),
            "formula": "max(sv_active) < 0.5 x pool size at the highest load",
        },
        remedy=f"Sweep smaller pools, from {max(1, *active)} connections upwards.",
        source="https://www.pgbouncer.org/usage.html#show-pools",
    )


def _harmful(context: Context, subject: SubjectAnswer) -> Finding | None:
    top = subject.loads[-1]
    size = subject.recommended
    worse = [entry for entry in top.sizes if size is not None and entry.pool_size > size and _is_worse(entry)]
    if not worse:
        return None
    first = worse[0]
    before = context.scenario.pool.size
    patch = None
    if before >= first.pool_size:
        patch = Patch(kind="scenario", text=f"[pool]\nsize = {size}\n", rollback=f"[pool]\nsize = {before}\n")
    loss = 1 - first.ratio.point if first.ratio else 0.0
    return Finding(
        rule=RULE,
        severity="warning",
        status="measured",
        summary=f"Pools above {size} cost throughput at {top.at}: "
        f"{first.pool_size} connections do {percent(loss)} less than the best",
        evidence={
            "throughput_beside_best": {str(entry.pool_size): entry.ratio for entry in worse},
            "best": top.best,
            "answer": size,
            "margin": MARGIN,
            "load": top.at,
        },
        remedy=f"Stay at {size} connections: more would only queue inside the server, where waiting costs memory.",
        source="https://github.com/brettwooldridge/HikariCP/wiki/About-Pool-Sizing",
        patch=patch,
    )


def _is_worse(entry: SizeAnswer) -> bool:
    return entry.ratio is not None and entry.ratio.high < 1 - MARGIN
