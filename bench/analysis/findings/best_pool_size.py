"""best-pool-size: the smallest pool within the noise of the best that meets the budgets, with the evidence against it.

Source: the rule itself is ours (throughput of interleaved trials, paired by block); the Universal Scalability Law
(Gunther, Guerrilla Capacity Planning), the knee (Satopaa et al. 2011) and cores x 2 + spindles (PostgreSQL wiki, Number
Of Database Connections) are set beside it, so that a reader sees whether they agree.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.analysis.answer import telling_levels
from bench.analysis.bottleneck import HELPED_BY_CONNECTIONS
from bench.analysis.measurement import Finding, Patch
from bench.analysis.wording import treatment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.analysis.answer import SubjectAnswer
    from bench.analysis.findings.context import Context
    from bench.model.scenario import Level

RULE = "best-pool-size"
_SOURCE = (
    "Smallest size within 3 % of the best mean throughput, interleaved trials paired by block; "
    "counter-evidence: USL (Gunther), kneedle (Satopaa et al. 2011), https://wiki.postgresql.org/wiki/Number_Of_Database_Connections"
)


def find(context: Context) -> list[Finding]:
    """Advise a size where at least two were measured and one can be recommended."""
    subjects = context.answer.subjects
    telling = telling_levels([subject.levels for subject in subjects])
    return [
        _finding(context, subject, levels)
        for subject, levels in zip(subjects, telling, strict=True)
        if subject.recommended is not None and len({s.pool_size for load in subject.loads for s in load.sizes}) > 1
    ]


def _finding(context: Context, subject: SubjectAnswer, levels: Mapping[str, Level]) -> Finding:
    size = subject.recommended
    top = subject.loads[-1]
    evidence: dict[str, Any] = {"pool_size": size, "at": top.at}
    evidence |= {"sizes": {str(entry.pool_size): entry.reason for entry in top.sizes}}
    chosen = next((entry for entry in top.sizes if entry.pool_size == size), None)
    if chosen and chosen.throughput:
        evidence["throughput"] = chosen.throughput
    if chosen and chosen.ratio:
        evidence["throughput_beside_best"] = chosen.ratio
    if top.low is not None and top.high is not None:
        evidence["answer_lies_between"] = [top.low, top.high]
    evidence["usl_peak"] = top.usl_peak or top.usl_reason
    evidence["knee"] = top.knee or top.knee_reason
    if context.answer.formula is not None:
        evidence["formula_cores_x_2_plus_1"] = context.answer.formula
    evidence["cannot_claim"] = list(subject.cannot_claim)
    of_what = f" for {treatment(levels)}" if levels else ""
    return Finding(
        rule=RULE,
        severity="info",
        status="measured",
        summary=f"Pool size {size}{of_what}: {subject.reason}",
        evidence=evidence,
        remedy=f"Set the pool to {size} connections.{_ceiling(context, subject)}",
        source=_SOURCE,
        patch=_patch(context, subject),
    )


def _patch(context: Context, subject: SubjectAnswer) -> Patch | None:
    before = context.scenario.pool.size
    if subject.recommended == before:
        return None
    return Patch(
        kind="scenario",
        text=f"[pool]\nsize = {subject.recommended}\n",
        rollback=f"[pool]\nsize = {before}\n",
    )


def _ceiling(context: Context, subject: SubjectAnswer) -> str:
    """Keep anyone from reading the answer as advice to add connections to what is already at its limit."""
    top = subject.loads[-1]
    measurement = context.of({**subject.levels, top.key: top.load, "pool.size": subject.recommended or 0})
    known = context.bottleneck(measurement) if measurement else None
    if known is None or known.kind in HELPED_BY_CONNECTIONS:
        return ""
    return f" At this size {known.reason}, so the throughput is its ceiling: a bigger pool cannot lift it."
