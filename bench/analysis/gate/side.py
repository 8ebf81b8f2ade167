"""One side of a gate: what was measured, ready to be compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.analysis.gate.identity import TREATMENT_KEYS
from bench.analysis.summary import key_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from bench.analysis.gate.identity import Identity
    from bench.analysis.measurement import Measurement, Verdict
    from bench.analysis.summary import TrialSummary
    from bench.model.facts import PlanFact
    from bench.model.scenario import Level, Scenario


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """A run, or several joined. ``name`` is how it is spoken of: a run id, a baseline, a commit."""

    name: str
    run_id: str
    identity: Identity
    scenario: Scenario
    verdict: Verdict
    """The budgets, judged for this side alone."""
    measurements: tuple[Measurement, ...]
    summaries: tuple[TrialSummary, ...]
    plans: tuple[PlanFact, ...]
    notes: tuple[str, ...] = ()
    folder: str = ""
    """Where the run lies; it may have been renamed since it got its id."""

    @property
    def operations(self) -> tuple[str, ...]:
        """Names of the operations."""
        return tuple(operation.name for operation in self.scenario.operation)

    def by_treatment(self, allowed: Collection[str]) -> dict[object, tuple[dict[str, Level], list[TrialSummary]]]:
        """Return treatment and trials by what identifies a treatment on both sides."""
        found: dict[object, tuple[dict[str, Level], list[TrialSummary]]] = {}
        for summary in self.summaries:
            shared = shared_levels(summary.trial.treatment, allowed)
            found.setdefault(key_of(shared), (shared, []))[1].append(summary)
        return found


def shared_levels(treatment: Mapping[str, Level], allowed: Collection[str]) -> dict[str, Level]:
    """Leave out the levels that are allowed to differ."""
    dropped = {key for name in allowed for key in TREATMENT_KEYS.get(name, ())}
    return {key: level for key, level in treatment.items() if key not in dropped}


def ambiguous(treatments: Sequence[Mapping[str, Level]], allowed: Collection[str]) -> bool:
    """Tell whether two treatments of one side become the same once the allowed levels are left out."""
    distinct = {key_of(treatment) for treatment in treatments}
    return len({key_of(shared_levels(dict(treatment), allowed)) for treatment in treatments}) < len(distinct)
