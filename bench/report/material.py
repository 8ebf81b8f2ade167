"""What a report is made of: the values of all stages before it, as they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.analysis.answer import Answer
    from bench.analysis.gate.standing import Standing
    from bench.analysis.measurement import Finding, Measurement, Verdict
    from bench.analysis.summary import TrialSummary
    from bench.analysis.tuning.outcome import TuningOutcome
    from bench.design.plan import Plan
    from bench.model.facts import HostSummary, PlanFact, RunFacts
    from bench.model.indexes import IndexFact
    from bench.model.ledger import StoredAudit
    from bench.model.partitions import PartitionedTable
    from bench.model.scenario import Scenario
    from bench.report.sections.files import RawFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """Only ``run`` must be there; whatever else is missing is left out and its absence is said."""

    run: RunFacts
    measurements: Sequence[Measurement] = ()
    findings: Sequence[Finding] = ()
    verdict: Verdict | None = None
    answer: Answer | None = None
    standing: Standing | None = None
    baseline_page: str = ""
    """Address of the baseline's report; empty where there is none."""
    scenario: Scenario | None = None
    scenario_text: str = ""
    plan: Plan | None = None
    host: HostSummary | None = None
    trials: Sequence[TrialSummary] = ()
    plans: Sequence[PlanFact] = ()
    indexes: Sequence[IndexFact] = ()
    partitions: Sequence[PartitionedTable] = ()
    audit: StoredAudit | None = None
    """An audit of the schema that the run measured."""
    audit_doubts: Sequence[str] = ()
    """Audits that could not be read."""
    tuning: TuningOutcome | None = None
    files: Sequence[RawFile] = ()
