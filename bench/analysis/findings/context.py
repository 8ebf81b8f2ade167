"""What every rule may look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.analysis.bottleneck import name_bottleneck
from bench.analysis.configuration.in_force import amount_in_force
from bench.analysis.configuration.inputs import Inputs, usable
from bench.analysis.measurement import ALL_OPERATIONS
from bench.analysis.summary import key_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.analysis.answer import Answer
    from bench.analysis.bottleneck import Bottleneck, Kind
    from bench.analysis.capacity import Capacity
    from bench.analysis.measurement import Measurement, Verdict
    from bench.analysis.summary import TrialSummary
    from bench.model.facts import HostSummary, PlanFact, RunFacts
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
    host: HostSummary | None = None

    @property
    def inputs(self) -> Inputs | None:
        """What the formulas for configuration may know of this run; None where the server's machine is not known.

        A server whose CPU time was read runs on the machine of the run; an attached one may run anywhere.
        """
        here = any(trial.facts.server and trial.facts.server.cpu_s is not None for trial in self.summaries)
        if self.host is None or not here:
            return None
        cores, memory = usable(self.host)
        connections = amount_in_force(self.run.settings, "max_connections")
        return Inputs(cores=cores, memory_bytes=memory, max_connections=int(connections) if connections else None)

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

    def bottleneck(self, measurement: Measurement) -> Bottleneck | None:
        """Return what holds a treatment back."""
        return name_bottleneck(self.trials(measurement))

    def limited_by(self, *kinds: Kind) -> list[tuple[Measurement, Bottleneck]]:
        """Return the treatments that one of these holds back, the highest throughput first."""
        named = [(measurement, self.bottleneck(measurement)) for measurement in self.overall()]
        found = [(measurement, known) for measurement, known in named if known is not None and known.kind in kinds]
        return sorted(found, key=lambda pair: -throughput(pair[0]))


def throughput(measurement: Measurement) -> float:
    """Return a measurement's throughput to compare by; 0 where it has none."""
    known = measurement.metrics.get("throughput")
    return known.point if known else 0.0
