"""The noise floor of each comparison: what differs when nothing was changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.analysis.gate.metrics import value_of
from bench.analysis.gate.side import shared_levels
from bench.analysis.summary import key_of
from bench.stats.estimate import Refused
from bench.stats.noise import floor_between_runs, noise_floor

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from bench.analysis.gate.compare import Place
    from bench.analysis.gate.side import Side
    from bench.analysis.measurement import Measurement
    from bench.analysis.summary import TrialSummary
    from bench.model.scenario import Level


def place_of(treatment: Mapping[str, Level], operation: str, metric: str, allowed: Collection[str]) -> Place:
    """Return the key of a noise floor."""
    return key_of(shared_levels(treatment, allowed)), operation, metric


def floors_of_runs(
    earlier: Iterable[Sequence[Measurement]], metrics: Collection[str], allowed: Collection[str]
) -> dict[Place, float]:
    """Return the floors that earlier runs of the same thing show; places with fewer than 3 of them are left out."""
    values: dict[Place, list[float]] = {}
    for measurements in earlier:
        for measurement in measurements:
            for metric in metrics:
                known = measurement.metrics.get(metric)
                if measurement.valid and known is not None and known.point > 0:
                    place = place_of(measurement.treatment, measurement.operation, metric, allowed)
                    values.setdefault(place, []).append(known.point)
    floors = {place: floor_between_runs(series) for place, series in values.items()}
    return {place: floor for place, floor in floors.items() if not isinstance(floor, Refused)}


def floors_of_pairs(
    baseline: Side, candidate: Side, questions: Iterable[tuple[str, str]], allowed: Collection[str]
) -> dict[Place, float]:
    """Return the floors of an interleaved job (A B, B A, A B …): neighbours of the same side are A/A pairs.

    Between pair n and n + 1 the candidate has neighbours where n is odd, the baseline where it is even.
    """
    floors: dict[Place, float] = {}
    sides = [_by_block(side, allowed) for side in (baseline, candidate)]
    for operation, metric in questions:
        for key, blocks in sides[0].items():
            other = sides[1].get(key, {})
            first: list[float] = []
            second: list[float] = []
            for block in sorted(blocks):
                own = other if block % 2 else blocks
                if block in own and block + 1 in own:
                    pair = [value_of(own[number], operation, metric) for number in (block, block + 1)]
                    before, after = pair
                    if isinstance(before, float) and isinstance(after, float):
                        first.append(before)
                        second.append(after)
            floor = noise_floor(first, second, pairs=len(blocks))
            if not isinstance(floor, Refused):
                floors[key, operation, metric] = floor.floor.point
    return floors


def _by_block(side: Side, allowed: Collection[str]) -> dict[object, dict[int, TrialSummary]]:
    found: dict[object, dict[int, TrialSummary]] = {}
    for key, (_, summaries) in side.by_treatment(allowed).items():
        found[key] = {summary.trial.block: summary for summary in summaries if summary.valid_for()}
    return found
