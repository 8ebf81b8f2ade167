"""A tuning put into findings: what is proven first, by its effect, with the numbers before and after."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from bench.analysis.measurement import ALL_OPERATIONS, Finding
from bench.analysis.tuning.candidate import CHANGE, START
from bench.analysis.wording import count
from bench.stats.sequential import ERROR, LOOKS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.analysis.measurement import Measurement
    from bench.analysis.tuning.outcome import Tried, TuningOutcome

SHOWN = ("response_time.p95", "throughput")
_SOURCE = (
    "Interleaved pairs (ABBA), Student's t on the logarithms of their ratios, repeated confidence intervals "
    "(Jennison and Turnbull 1989) with Bonferroni's inequality over looks and candidates"
)


def headline(outcome: TuningOutcome) -> str:
    """Say in one or two sentences what a tuning found."""
    tried = len(outcome.tried)
    if not tried:
        return "Nothing to try was found."
    if not outcome.kept:
        undecided = sum(one.decision.outcome == "undecided" for one in outcome.tried)
        rest = f"; {undecided} undecided" if undecided else ""
        return f"None of {count(tried, 'change')} is proven to help{rest}."
    best = outcome.kept[0]
    said = f"{len(outcome.kept)} of {count(tried, 'change')} proven and kept."
    said += f" Best alone: {best.candidate.title}: {best.decision.words}."
    if outcome.combination is not None:
        said += f" Together: {outcome.combination.words}."
    return said


def advise(
    findings: Sequence[Finding], outcome: TuningOutcome, measurements: Sequence[Measurement]
) -> tuple[Finding, ...]:
    """Return the findings of the first look with what the tuning makes of them; proven ones first."""
    proven = tuple(_proven(one, outcome, measurements) for one in outcome.tried if one.proven)
    taken = {(one.candidate.rule, one.candidate.patch) for one in outcome.tried if one.proven}
    others = {(one.candidate.rule, one.candidate.patch): one for one in outcome.tried if not one.proven}
    rest = [finding for finding in findings if finding.patch is None or (finding.rule, finding.patch) not in taken]
    return (
        *proven,
        *_without_proof(outcome),
        *(_noted(finding, others.get((finding.rule, finding.patch)) if finding.patch else None) for finding in rest),
    )


def _without_proof(outcome: TuningOutcome) -> tuple[Finding, ...]:
    """List what was tried and did not help, so that nobody has to try it again."""
    tried = {f"{one.candidate.id} {one.candidate.title}": one.decision.words for one in outcome.tried if not one.proven}
    left = {one.title: f"not tried: {one.reason}" for one in outcome.tuning.not_tried}
    if not tried and not left:
        return ()
    return (
        Finding(
            rule="tune-without-proof",
            severity="info",
            status="measured",
            summary=_fruitless(len(tried), len(left)),
            evidence={**tried, **left},
            remedy="Leave them; what is undecided needs more pairs: give a larger `--budget`.",
            source=_SOURCE,
        ),
    )


def _fruitless(tried: int, left: int) -> str:
    """Say what brought nothing, and how much was never tried."""
    parts = [
        f"{number} {'change was' if number == 1 else 'changes were'} {what}"
        for number, what in ((tried, "tried and not proven to help"), (left, "not tried"))
        if number
    ]
    return "; ".join(parts)


def _noted(finding: Finding, tried: Tried | None) -> Finding:
    """Say beside a finding that its patch was tried and did not prove itself."""
    if tried is None:
        return finding
    return msgspec.structs.replace(finding, evidence={**finding.evidence, "tried": tried.decision.words})


def _proven(one: Tried, outcome: TuningOutcome, measurements: Sequence[Measurement]) -> Finding:
    candidate, decision = one.candidate, one.decision
    kept = any(other.candidate.id == candidate.id for other in outcome.kept)
    costs = outcome.tuning.write_costs.get(candidate.id, ())
    evidence: dict[str, Any] = {
        "why": candidate.why,
        "effects": {effect.metric: effect.ratio for effect in decision.effects},
        "pairs": decision.pairs,
        "before": _figures(measurements, START, candidate.operation),
        "after": _figures(measurements, candidate.id, candidate.operation),
        "kept": kept,
        "formula": "geometric mean of changed / start over interleaved pairs; looks after "
        f"{', '.join(map(str, LOOKS))} pairs; {100 * ERROR:g} % for all {outcome.tuning.family} comparisons together",
    }
    if costs:
        evidence["write cost"] = [cost.words for cost in costs]
    return Finding(
        rule=candidate.rule,
        severity="high" if kept else "info",
        status=decision.words,
        summary=f"{candidate.title} helps: {decision.main.words if decision.main else decision.reason}",
        evidence=evidence,
        remedy=_remedy(one, kept=kept),
        source=f"{candidate.source}; {_SOURCE}" if candidate.source else _SOURCE,
        patch=candidate.patch,
    )


def _remedy(one: Tried, *, kept: bool) -> str:
    if not kept:
        return "Leave it: another change of the same setting helps more, or it does not go together with the others."
    caution = f" {one.candidate.caution}" if one.candidate.caution else ""
    return f"Make this change.{caution}"


def _figures(measurements: Sequence[Measurement], side: str, operation: str) -> dict[str, Any]:
    found = [one for one in measurements if one.treatment.get(CHANGE) == side]
    named = [one for one in found if one.operation == operation] or [
        one for one in found if one.operation == ALL_OPERATIONS
    ]
    return {metric: named[0].metrics[metric] for metric in SHOWN if named and metric in named[0].metrics}
