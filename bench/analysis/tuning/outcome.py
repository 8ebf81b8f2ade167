"""What a tuning found: a decision for each candidate, what is kept, and what the kept ones do together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.analysis.measurement import ALL_OPERATIONS
from bench.analysis.tuning.candidate import COMBINATION
from bench.analysis.tuning.pairs import judge_candidate, known_operation
from bench.design.scouting import SIZE
from bench.model.change import join

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.analysis.summary import TrialSummary
    from bench.analysis.tuning.candidate import Candidate, Tuning
    from bench.analysis.tuning.decision import Decision
    from bench.model.change import Change
    from bench.model.scenario import Scenario


@dataclass(frozen=True, slots=True)
class Tried:
    """One candidate with its decision."""

    candidate: Candidate
    decision: Decision

    @property
    def proven(self) -> bool:
        """Whether it helped."""
        return self.decision.outcome == "proven"


@dataclass(frozen=True, slots=True)
class TuningOutcome:
    """``tried`` is in the order to read: proven first, the largest effect first. ``kept`` go together."""

    tuning: Tuning
    tried: tuple[Tried, ...]
    kept: tuple[Tried, ...]
    combination: Decision | None
    """The kept ones together against the start; None where fewer than two are kept or time ran out."""

    def of(self, identity: str) -> Decision:
        """Return the decision on a candidate or on the combination; raises ``KeyError``."""
        if identity == COMBINATION and self.combination is not None:
            return self.combination
        return {one.candidate.id: one.decision for one in self.tried}[identity]

    @property
    def change(self) -> Change:
        """Everything that is advised, as one change."""
        return join(one.candidate.change for one in self.kept)

    @property
    def final(self) -> str | None:
        """The id under which the advised state was measured, None where nothing is advised or it was not measured."""
        if len(self.kept) == 1:
            return self.kept[0].candidate.id
        return COMBINATION if self.kept and self.combination is not None else None


def judge_tuning(tuning: Tuning, scenario: Scenario, summaries: Sequence[TrialSummary]) -> TuningOutcome:
    """Judge all that was tried. The same trials give the same answer, live and from a stored run."""
    tried = [
        Tried(one, judge_candidate(one.id, known_operation(one.operation, scenario), scenario, summaries, tuning))
        for one in tuning.candidates
    ]
    ordered = sorted(tried, key=lambda one: (_ORDER.index(one.decision.outcome), -_gain(one)))
    kept = choose(ordered)
    combination = None
    if len(tuning.combined) > 1:
        combination = judge_candidate(COMBINATION, ALL_OPERATIONS, scenario, summaries, tuning)
        kept = tuple(one for one in ordered if one.candidate.id in tuning.combined)
        if combination.outcome == "harmful":  # what is good alone can be bad together: the best one stays
            kept = kept[:1]
    return TuningOutcome(tuning, tuple(ordered), kept, combination)


NEAR = 0.03
"""A smaller pool may give this share of the best gain away, as in the answer to a sweep."""
_ORDER = ("proven", "undecided", "no effect", "harmful")


def _gain(tried: Tried) -> float:
    main = tried.decision.main
    return main.gain if main else 1.0


def _rival(one: Tried, ordered: Sequence[Tried]) -> tuple[float, float]:
    """Sort by gain, largest first; pool sizes whose gain is near that of the best one share its place."""
    rivals = [other for other in ordered if other.proven and other.candidate.change.slots == one.candidate.change.slots]
    best = max((_gain(other) for other in rivals), default=1.0)
    size = one.candidate.change.scenario.get(SIZE)
    if isinstance(size, int) and _gain(one) >= (1 - NEAR) * best:
        return -best, float(size)
    return -_gain(one), 0.0


def choose(ordered: Sequence[Tried]) -> tuple[Tried, ...]:
    """Return the proven ones that go together: of those that decide the same thing the one with the largest effect.

    Of several pool sizes the smallest within ``NEAR`` of the largest gain is taken: connections cost memory.
    """
    kept: list[Tried] = []
    taken: set[str] = set()
    for one in sorted(ordered, key=lambda one: _rival(one, ordered)):
        slots = one.candidate.change.slots
        if one.proven and not slots & taken:
            kept.append(one)
            taken |= slots
    return tuple(kept)
