"""Doubts: every caveat once, in plain words, with how many treatments it concerns and what cures it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bench.analysis.wording import count
from bench.report.words import ALL_OPERATIONS, describe, operation_name, slug

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.analysis.measurement import Measurement
    from bench.model.facts import Caveat, RunFacts

_MOST_PLACES = 100


@dataclass(frozen=True, slots=True)
class Doubt:
    """One kind of caveat. ``places`` pairs where it was met with what was said there, if that differs by place."""

    anchor: str
    code: str
    excludes: bool
    reach: str
    text: str
    cure: str
    places: tuple[tuple[str, str], ...]
    left_out: int

    @property
    def title(self) -> str:
        """The code as words."""
        return self.code.replace("-", " ").capitalize()


@dataclass
class _Heap:
    caveats: list[Caveat] = field(default_factory=list)
    places: dict[str, str] = field(default_factory=dict)
    treatments: set[str] = field(default_factory=set)
    whole_run: bool = False


def gather(run: RunFacts, measurements: Sequence[Measurement], varied: Sequence[str]) -> tuple[Doubt, ...]:
    """Gather the caveats of the run and of its measurements by code and cure: excluding ones first, then by reach."""
    heaps: dict[tuple[str, str], _Heap] = {}
    for caveat in run.caveats:
        heap = heaps.setdefault((caveat.code, caveat.cure), _Heap())
        heap.caveats.append(caveat)
        heap.whole_run = True
    total = len({repr(measurement.treatment) for measurement in measurements})
    # What all operations of a treatment share is said once, for the treatment.
    for measurement in sorted(measurements, key=lambda one: one.operation != ALL_OPERATIONS):
        treatment = describe(measurement.treatment, varied or None)
        for caveat in measurement.caveats:
            heap = heaps.setdefault((caveat.code, caveat.cure), _Heap())
            if measurement.operation != ALL_OPERATIONS and heap.places.get(treatment) == caveat.text:
                continue
            heap.caveats.append(caveat)
            heap.treatments.add(repr(measurement.treatment))
            where = treatment
            if measurement.operation != ALL_OPERATIONS:
                where += f", {operation_name(measurement.operation)}"
            heap.places[where] = caveat.text
    doubts = [_doubt(number, heap, total) for number, heap in enumerate(heaps.values(), 1)]
    return tuple(sorted(doubts, key=lambda one: (not one.excludes, -len(one.places) - one.left_out)))


def _doubt(number: int, heap: _Heap, total: int) -> Doubt:
    first = heap.caveats[0]
    same = len({caveat.text for caveat in heap.caveats}) == 1
    places = list(heap.places.items())
    concerned = len(heap.treatments)
    if heap.whole_run:
        reach = "the whole run"
    elif concerned == total:
        reach = "every treatment" if total > 1 else "the one treatment"
    else:
        reach = f"{concerned} of {count(total, 'treatment')}"
    return Doubt(
        anchor=f"caveat-{number}-{slug(first.code)}",
        code=first.code,
        excludes=any(caveat.invalidates for caveat in heap.caveats),
        reach=reach,
        text=first.text,
        cure=first.cure,
        places=tuple((where, "" if same else text) for where, text in places[:_MOST_PLACES]),
        left_out=max(0, len(places) - _MOST_PLACES),
    )
