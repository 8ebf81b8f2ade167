"""littles-law: figures that no system can produce, reported or measured.

Source: Little 1961, N = X (R + Z); Denning and Buzen 1978 for its operational form; Markov's inequality for the least
mean that a quantile allows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.analysis.laws import BROKEN
from bench.analysis.measurement import Finding
from bench.analysis.reported import REPORTED, closed_loop_bound
from bench.analysis.wording import treatment

if TYPE_CHECKING:
    from bench.analysis.findings.context import Context
    from bench.analysis.measurement import Measurement
    from bench.model.facts import Caveat, ReportedTrial

RULE = "littles-law"
_CODES = (*BROKEN, "impossible-figures")
_SOURCE = "Little's law N = X (R + Z); a quantile implies mean >= (1 - q) x quantile (Markov); U = X S / c <= 1."


def find(context: Context) -> list[Finding]:
    """Report each contradictory report, and each law that measured trials break."""
    found = [_reported(trial, measurement) for trial, measurement in _reports(context)]
    by_code: dict[str, list[tuple[Measurement, Caveat]]] = {}
    for measurement in context.overall():
        if not _is_reported(measurement):
            for caveat in _broken(measurement):
                by_code.setdefault(caveat.code, []).append((measurement, caveat))
    return [*found, *(_measured(entries) for entries in by_code.values())]


def _is_reported(measurement: Measurement) -> bool:
    return any(caveat.code == REPORTED for caveat in measurement.caveats)


def _broken(measurement: Measurement) -> list[Caveat]:
    return [caveat for caveat in measurement.caveats if caveat.code in _CODES]


def _reports(context: Context) -> list[tuple[ReportedTrial, Measurement]]:
    pairs = [(trial, context.of(trial.treatment)) for trial in context.run.reported]
    return [(trial, measurement) for trial, measurement in pairs if measurement is not None and _broken(measurement)]


def _reported(trial: ReportedTrial, measurement: Measurement) -> Finding:
    caveats = _broken(measurement)
    evidence: dict[str, Any] = {"reported": dict(measurement.metrics), "treatment": treatment(trial.treatment)}
    bound = closed_loop_bound(trial)
    if bound is not None and not bound.holds:
        evidence |= {
            "formula": "X <= N / ((1 - q) x quantile + Z)",
            "clients": bound.clients,
            "from": bound.metric,
            "least_mean_s": bound.least_mean_s,
            "think_time_s": bound.think_s,
            "at_most_per_second": round(bound.cap),
        }
    return Finding(
        rule=RULE,
        severity="high",
        status="reported",
        summary="; ".join(caveat.text for caveat in caveats),
        evidence=evidence,
        remedy="Do not use these figures. Ask for the raw data, or measure it again with `bench run`.",
        source=_SOURCE,
    )


def _measured(entries: list[tuple[Measurement, Caveat]]) -> Finding:
    measurement, caveat = next(((m, c) for m, c in entries if not m.valid), entries[0])
    return Finding(
        rule=RULE,
        severity="warning" if measurement.valid else "high",
        status="measured",
        summary=f"The measurement is not possible ({caveat.code}): {caveat.text}",
        evidence={
            "treatment": treatment(measurement.treatment),
            "law": caveat.code,
            "treatments_affected": len(entries),
            "trials": list(measurement.trials),
        },
        remedy=caveat.cure,
        source=_SOURCE,
    )
