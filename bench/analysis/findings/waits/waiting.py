"""What the rules on waits share: the treatment that waits most of those the answer speaks of, and its evidence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.analysis.activity import readings_in_window
from bench.analysis.measurement import Finding
from bench.analysis.waits import CROWDED, cause_of
from bench.analysis.wording import percent, treatment
from bench.stats.shares import FEWEST

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.analysis.bottleneck import Bottleneck
    from bench.analysis.findings.context import Context
    from bench.analysis.measurement import Measurement, Severity
    from bench.analysis.summary import TrialSummary
    from bench.analysis.waits import Cause
    from bench.model.timeline import Reading

SOURCE = "https://www.postgresql.org/docs/current/monitoring-stats.html#WAIT-EVENT-TABLE"


@dataclass(frozen=True, slots=True)
class Waiting:
    """The treatment with the highest throughput of those that one cause holds back."""

    cause: Cause
    measurement: Measurement
    bottleneck: Bottleneck
    trials: Sequence[TrialSummary]
    affected: int
    treatments: int

    @property
    def readings(self) -> list[Reading]:
        """What the collector read in its windows."""
        return [one for trial in self.trials for one in readings_in_window(trial)]

    @property
    def events(self) -> dict[str, float]:
        """Shares of the sessions that wait for this cause, by event, the most frequent first."""
        counted: dict[str, int] = {}
        for one in self.readings:
            for event, number in one.events.items():
                if cause_of(event) == self.cause:
                    counted[event] = counted.get(event, 0) + number
        whole = sum(counted.values())
        return {event: counted[event] / whole for event in sorted(counted, key=lambda event: -counted[event])}

    def finding(self, rule: str, *, what: str, evidence: Mapping[str, Any], remedy: str, source: str) -> Finding:
        """Put the finding together; ``what`` follows the sentence with the measured share."""
        known = self.bottleneck
        return Finding(
            rule=rule,
            severity=self._severity(),
            status="measured",
            summary=f"In {self.affected} of {self.treatments} treatments {known.reason}{what}",
            evidence={
                "treatment": treatment(self.measurement.treatment),
                "throughput": self.measurement.metrics.get("throughput"),
                **known.evidence,
                **({"waits": {event: percent(share) for event, share in self.events.items()}} if self.events else {}),
                **evidence,
                "treatments_affected": self.affected,
                "formula": f"all of the interval of the share >= {percent(CROWDED[self.cause])}, over at least "
                f"{FEWEST} readings with a session at work; server, pooler, generator and machine below their limits",
            },
            remedy=remedy,
            source=f"{SOURCE}; {source}",
        )

    def _severity(self) -> Severity:
        """Locks and latches take what the server could give; what sessions share or overlap may be its normal price."""
        return "warning" if self.cause in ("locks", "latches") or self.bottleneck.load.wait_share > 0 else "info"


def waiting_for(context: Context, cause: Cause) -> Waiting | None:
    """Return the treatment with the highest throughput that this cause holds back, None where there is none."""
    affected = context.limited_by(cause)
    if not affected:
        return None
    measurement, known = affected[0]
    return Waiting(cause, measurement, known, context.trials(measurement), len(affected), len(context.overall()))
