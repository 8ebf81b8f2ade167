"""What the tests of rules share: runs of one treatment, and the findings of one rule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.model.facts import HostSummary
from tests.analysis.sweeps import sweep

if TYPE_CHECKING:
    from bench.analysis.analyse import Analysis
    from bench.analysis.measurement import Finding

NOISE = (0.99, 1.0, 1.01, 0.995, 1.005)
HOST = HostSummary(machine="m", cpu_model="c", cores=4, memory_bytes=16 << 30, kernel="k", python="3.11", details={})


def around(throughput: float) -> list[float]:
    """Five trials near a throughput."""
    return [throughput * factor for factor in NOISE]


def one_treatment(clients: int = 10, size: int = 10, throughput: float = 1000, **options: Any) -> Analysis:
    """Analyse a run of one treatment; ``facts`` are those of its trials."""
    facts = options.pop("facts", None)
    return sweep({clients: {size: around(throughput)}}, facts={size: facts} if facts else None, **options)


def found(analysis: Analysis, rule: str) -> list[Finding]:
    """Return the findings of a rule."""
    return [finding for finding in analysis.findings if finding.rule == rule]


def severity(analysis: Analysis, rule: str) -> str | None:
    """Return the severity of a rule's only finding, None where there is none."""
    severities = [finding.severity for finding in found(analysis, rule)]
    assert len(severities) <= 1
    return severities[0] if severities else None


def only(analysis: Analysis, rule: str) -> Finding:
    """Return a rule's only finding."""
    (finding,) = found(analysis, rule)
    return finding
