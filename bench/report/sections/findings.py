"""Recommendations: what was found, on what evidence, and the change to copy with its way back."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from bench.report.numbers import choose_scale, quantity, refusal, with_interval
from bench.report.words import metric_unit, plain, shorten, slug
from bench.stats.estimate import Estimate, Refused

if TYPE_CHECKING:
    from bench.analysis.measurement import Finding

_SEVERITIES: Final = ("high", "warning", "info")
_SUFFIXES: Final = (
    ("_ns", 1e-9, "s"),
    ("_us", 1e-6, "s"),
    ("_ms", 1e-3, "s"),
    ("_s", 1.0, "s"),
    ("_bytes", 1.0, "bytes"),
)
_URL: Final = re.compile(r"https?://[^\s<>\"')\]]+[^\s<>\"')\].,;:]")
_DEEPEST = 3


@dataclass(frozen=True, slots=True)
class Patch:
    """A change as text, and the text that takes it back."""

    kind: str
    text: str
    rollback: str


@dataclass(frozen=True, slots=True)
class Recommendation:
    """One finding as it is printed. ``links`` are the addresses named in ``source``: shown, never loaded."""

    anchor: str
    rule: str
    severity: str
    status: str
    proven: bool
    summary: str
    evidence: tuple[tuple[str, str], ...]
    remedy: str
    source: str
    links: tuple[str, ...]
    patch: Patch | None

    @property
    def heading(self) -> str:
        """The summary, cut to the length of a heading."""
        return shorten(self.summary, 160)


def recommend(findings: Sequence[Finding]) -> tuple[Recommendation, ...]:
    """Order findings by severity, proven ones first."""
    ordered = sorted(
        enumerate(findings),
        key=lambda item: (_SEVERITIES.index(item[1].severity), not item[1].status.startswith("proven"), item[0]),
    )
    return tuple(
        Recommendation(
            anchor=f"finding-{number}-{slug(finding.rule)}",
            rule=finding.rule,
            severity=finding.severity,
            status=finding.status,
            proven=finding.status.startswith("proven"),
            summary=plain(finding.summary),
            evidence=tuple(
                (_label(name), plain(evidence_text(name, value))) for name, value in finding.evidence.items()
            ),
            remedy=plain(finding.remedy),
            source=finding.source,
            links=tuple(_URL.findall(finding.source)),
            patch=None
            if finding.patch is None
            else Patch(finding.patch.kind, finding.patch.text, finding.patch.rollback),
        )
        for number, (_, finding) in enumerate(ordered, 1)
    )


def _label(name: str) -> str:
    """Name a piece of evidence without its unit, which stands behind the number."""
    suffix = next((suffix for suffix, *_ in _SUFFIXES if name.endswith(suffix)), "")
    return name.removesuffix(suffix).replace("_", " ")


def evidence_text(name: str, value: Any, depth: int = 0) -> str:
    """Write a piece of evidence, be it an estimate, a number named with its unit, a list or a mapping of these."""
    match value:
        case Estimate():
            return with_interval(value, metric_unit(name, value.unit))
        case Refused():
            return refusal(value)
        case Mapping():
            return _mapping(name, value, depth)
        case None | bool():
            return {None: "none", True: "yes", False: "no"}[value]
        case int() | float():
            return _number(name, value)
        case str():
            return value
        case Sequence() if depth < _DEEPEST:
            items = [evidence_text(name, item, depth + 1) for item in value]
            return ("\n" if any(item.endswith(".") for item in items) else ", ").join(items) or "none"
        case other:
            return str(other)


def _mapping(name: str, value: Mapping[Any, Any], depth: int) -> str:
    match value:
        case {"point": int() | float(), "low": int() | float(), "high": int() | float(), "unit": str() as unit}:
            return _stored_estimate(name, value, unit)
        case {"reason": str() as reason, "n": int() as n}:
            return refusal(Refused(reason, n, value.get("needed")))
        case _ if depth < _DEEPEST:
            parts = (
                f"{str(key).replace('_', ' ')}: {evidence_text(str(key), item, depth + 1)}"
                for key, item in value.items()
            )
            return "; ".join(parts) or "none"
        case _:
            return str(dict(value))


def _stored_estimate(name: str, value: Mapping[str, Any], unit: str) -> str:
    scale = choose_scale(value["point"] or value["high"], metric_unit(name, unit), value["high"] - value["low"])
    ends = f"[{scale.digits(value['low'])}, {scale.digits(value['high'])}]"
    return f"{scale.text(value['point'])} {ends}"


def _number(name: str, value: float) -> str:
    for suffix, factor, unit in _SUFFIXES:
        if name.endswith(suffix):
            return quantity(value * factor, unit)
    return quantity(value, "1")
