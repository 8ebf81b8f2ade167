"""Two sides, metric by metric: regression, improvement, equivalent or inconclusive.

A regression is larger than the size that matters, relative *and* absolute, larger than the noise floor, and evident:
its interval excludes no change, and its p, adjusted for all comparisons of the gate (Holm), is at most 0.05. Noise
never makes anything pass: within the floor but beyond the size is inconclusive.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bench.analysis.gate.contrast import Contrast, contrast, contrast_shares
from bench.analysis.gate.decide import decide
from bench.analysis.gate.metrics import BIGGER_IS_BETTER, COMPARED, Sizes, unit_of, value_of
from bench.analysis.gate.side import ambiguous
from bench.analysis.measure import usable
from bench.analysis.measurement import ALL_OPERATIONS
from bench.analysis.summary import key_of
from bench.model.errors import ScenarioError
from bench.stats.estimate import Estimate, Refused
from bench.stats.replicates import mean_interval, not_negative
from bench.stats.significance import holm

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from bench.analysis.gate.result import GateLine
    from bench.analysis.gate.side import Side
    from bench.analysis.summary import TrialSummary
    from bench.model.scenario import Level

Place = tuple[object, str, str]
"""What is compared: identity of the treatment, operation, metric."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What is compared and how. ``floors`` are relative noise floors by place; a missing one is not known."""

    metrics: Sequence[str] = COMPARED
    sizes: Sizes = field(default_factory=Sizes)
    allowed: Collection[str] = ()
    floors: Mapping[Place, float] = field(default_factory=dict)
    paired: bool = False


@dataclass(frozen=True, slots=True)
class Compared:
    """One metric of one operation under one treatment, not judged yet."""

    treatment: dict[str, Level]
    operation: str
    metric: str
    baseline: Estimate | None
    candidate: Estimate | None
    contrast: Contrast

    @property
    def place(self) -> Place:
        """What is compared."""
        return key_of(self.treatment), self.operation, self.metric

    @property
    def smaller_is_better(self) -> bool:
        """False for a throughput."""
        return self.metric not in BIGGER_IS_BETTER


def compare_sides(baseline: Side, candidate: Side, terms: Terms) -> tuple[list[GateLine], list[str]]:
    """Return the lines, and notes on what was left out; raises ``ScenarioError`` where nothing can be compared."""
    treatments, notes = _match(baseline, candidate, terms.allowed)
    found = [
        _compare(levels, operation, metric, before, now, paired=terms.paired)
        for levels, before, now in treatments
        for operation, metric in questions(baseline, candidate, terms.metrics)
    ]
    family = [one.contrast.p for one in found if one.contrast.p is not None]
    adjusted = iter(holm(family))
    lines = [
        decide(one, None if one.contrast.p is None else next(adjusted), terms.sizes, terms.floors.get(one.place))
        for one in found
    ]
    return lines, [*notes, *_alone(baseline, candidate)]


def _alone(baseline: Side, candidate: Side) -> Iterator[str]:
    """Name the operations that only one side has."""
    for one, other in ((baseline, candidate), (candidate, baseline)):
        names = [name for name in one.operations if name not in other.operations]
        if names:
            yield f"only {one.name} has {', '.join(names)}: not compared"


def _match(
    baseline: Side, candidate: Side, allowed: Collection[str]
) -> tuple[list[tuple[dict[str, Level], list[TrialSummary], list[TrialSummary]]], list[str]]:
    for side in (baseline, candidate):
        if ambiguous([summary.trial.treatment for summary in side.summaries], allowed):
            raise ScenarioError(
                f"{side.name} varies what is allowed to differ, so its treatments cannot be told apart",
                remedy="Run a scenario that does not sweep it, or do not allow that difference.",
            )
    before, now = baseline.by_treatment(allowed), candidate.by_treatment(allowed)
    matched = [(levels, before[key][1], trials) for key, (levels, trials) in now.items() if key in before]
    if not matched:
        raise ScenarioError(
            f"{baseline.name} and {candidate.name} have no treatment in common",
            evidence=f"{_names(before)} against {_names(now)}",
            remedy="Run both with the same pool sizes, loads and poolers, or allow the difference.",
        )
    notes = [
        f"{len(alone)} treatment{'s' if len(alone) > 1 else ''} only in {name}: not compared"
        for name, alone in (
            (baseline.name, before.keys() - now.keys()),
            (candidate.name, now.keys() - before.keys()),
        )
        if alone
    ]
    return matched, notes


def _names(treatments: Mapping[object, tuple[dict[str, Level], list[TrialSummary]]]) -> str:
    texts = [" ".join(f"{key}={level}" for key, level in levels.items()) for levels, _ in treatments.values()]
    return "; ".join(texts[:2]) + (" …" if len(texts) > 2 else "")


def questions(baseline: Side, candidate: Side, metrics: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield operation and metric: rates and errors of all together, durations and buffers of each operation."""
    shared = [name for name in candidate.operations if name in baseline.operations]
    if not shared:
        raise ScenarioError(
            f"{baseline.name} and {candidate.name} have no operation in common",
            evidence=f"{', '.join(baseline.operations)} against {', '.join(candidate.operations)}",
            remedy="Compare runs of the same operations.",
        )
    for metric in metrics:
        if metric in ("throughput", "error_rate"):
            yield ALL_OPERATIONS, metric
        else:
            yield from ((name, metric) for name in shared)


def _compare(
    levels: dict[str, Level],
    operation: str,
    metric: str,
    baseline: Sequence[TrialSummary],
    candidate: Sequence[TrialSummary],
    *,
    paired: bool,
) -> Compared:
    (before, valid_before), (now, valid_now) = usable(baseline, operation), usable(candidate, operation)
    refused = _invalid(before, operation, "baseline") if not valid_before else None
    refused = refused or (_invalid(now, operation, "candidate") if not valid_now else None)
    if paired:
        blocks = {summary.trial.block for summary in before} & {summary.trial.block for summary in now}
        before = sorted((s for s in before if s.trial.block in blocks), key=lambda s: s.trial.block)
        now = sorted((s for s in now if s.trial.block in blocks), key=lambda s: s.trial.block)
    values = [[value_of(summary, operation, metric) for summary in side] for side in (before, now)]
    refused = refused or next((value for side in values for value in side if isinstance(value, Refused)), None)
    first, second = ([value for value in side if isinstance(value, float)] for side in values)
    if refused is not None:
        answer = Contrast(refused=refused)
    elif metric == "error_rate":
        answer = contrast_shares(first, second, (_errors(before, operation), _errors(now, operation)))
    else:
        answer = contrast(first, second, unit_of(metric), paired=paired)
    return Compared(levels, operation, metric, _mean(first, metric), _mean(second, metric), answer)


def _invalid(summaries: Sequence[TrialSummary], operation: str, which: str) -> Refused:
    codes = sorted(
        {
            caveat.code
            for summary in summaries
            for caveat in (*summary.caveats, *summary.operations[operation].caveats)
            if caveat.invalidates
        }
    )
    return Refused(f"the {which} is invalid: {', '.join(codes) or 'no trial'}", len(summaries), None)


def _errors(summaries: Sequence[TrialSummary], operation: str) -> tuple[int, int]:
    total = sum(summary.operations[operation].total for summary in summaries)
    return total - sum(summary.operations[operation].outcomes.get("ok", 0) for summary in summaries), total


def _mean(values: Sequence[float], metric: str) -> Estimate | None:
    interval = not_negative(mean_interval(values, unit=unit_of(metric))) if values else None
    return interval if isinstance(interval, Estimate) else None
