"""What every rule may look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.analysis.measurement import ALL_OPERATIONS
from bench.analysis.summary import key_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.analysis.answer import Answer
    from bench.analysis.capacity import Capacity
    from bench.analysis.measurement import Measurement, Verdict
    from bench.analysis.summary import TrialSummary
    from bench.model.facts import PlanFact, RunFacts
    from bench.model.scenario import Level, Scenario


@dataclass(frozen=True, slots=True)
class Context:
    """A run after measuring and judging."""

    run: RunFacts
    scenario: Scenario
    measurements: Sequence[Measurement]
    summaries: Sequence[TrialSummary]
    plans: Sequence[PlanFact]
    verdict: Verdict
    answer: Answer
    capacity: Capacity | None = None

    def of(self, treatment: Mapping[str, Level], operation: str = ALL_OPERATIONS) -> Measurement | None:
        """Return the measurement of an operation under a treatment."""
        wanted = key_of(treatment)
        return next((m for m in self.measurements if m.operation == operation and key_of(m.treatment) == wanted), None)

    def trials(self, measurement: Measurement) -> list[TrialSummary]:
        """Return the trials that a measurement rests on."""
        wanted = key_of(measurement.treatment)
        return [s for s in self.summaries if s.trial.id in measurement.trials and key_of(s.trial.treatment) == wanted]

    def overall(self) -> list[Measurement]:
        """Return the measurements of all operations together."""
        return [measurement for measurement in self.measurements if measurement.operation == ALL_OPERATIONS]

    def deciding(self) -> list[Measurement]:
        """Return the valid measurements of the treatments that stand for the answer."""
        found = [self.of(treatment) for treatment in self.answer.recommended]
        return [measurement for measurement in found if measurement is not None and measurement.valid]


def throughput(measurement: Measurement) -> float:
    """Return a measurement's throughput to compare by; 0 where it has none."""
    known = measurement.metrics.get("throughput")
    return known.point if known else 0.0
