"""The runs of a scenario in order of time: each metric a series, and the run in which its level changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from bench.analysis.gate.identity import Identity, differences
from bench.analysis.gate.metrics import BIGGER_IS_BETTER
from bench.analysis.measurement import Measurement
from bench.analysis.summary import key_of
from bench.model.scenario import Level
from bench.stats.changepoints import find_shifts
from bench.stats.estimate import Estimate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


MAY_CHANGE = ("schema",)
"""What may differ within a series: it is a cause of changes, not another thing measured."""


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One run of the history."""

    run_id: str
    started_utc: str
    commit: str
    versions: dict[str, str]
    identity: Identity
    measurements: tuple[Measurement, ...] = ()


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """A metric in one run."""

    run_id: str
    started_utc: str
    commit: str
    value: Estimate


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """A change of level: it is in ``run_id`` for the first time; ``also`` names what else that run changed."""

    run_id: str
    before_run_id: str
    commit: str
    before_commit: str
    ratio: float
    direction: str
    also: tuple[str, ...]


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """One metric of one operation under one treatment, on one machine with one kind of data."""

    scenario: str
    metric: str
    operation: str
    treatment: dict[str, Level]
    made_with: dict[str, str]
    moments: tuple[Moment, ...]
    turns: tuple[Turn, ...]


def trace(records: Sequence[Record], metrics: Sequence[str], least: float) -> tuple[Series, ...]:
    """Return the series, those that changed first, then the longest; ``least`` is the smallest change that matters.

    Only valid measurements count. Series of other machines, data or windows are others, never joined.
    """
    ordered = sorted(records, key=lambda record: (record.started_utc, record.run_id))
    found: dict[object, list[tuple[Record, Measurement]]] = {}
    for record in ordered:
        for measurement in record.measurements:
            if measurement.valid:
                made = frozenset(_made_with(record.identity).items())
                key = (made, key_of(measurement.treatment), measurement.operation)
                found.setdefault(key, []).append((record, measurement))
    series = [
        _series(metric, pairs, least)
        for pairs in found.values()
        for metric in metrics
        if _wanted(metric, pairs[0][1]) and any(metric in measurement.metrics for _, measurement in pairs)
    ]
    return tuple(sorted(series, key=lambda one: (-len(one.turns), -len(one.moments))))


def _wanted(metric: str, measurement: Measurement) -> bool:
    """Leave out what another series shows already: all operations together, or each of them."""
    return (measurement.operation == "*") != (metric == "buffers")


def _made_with(identity: Identity) -> dict[str, str]:
    return {name: value for name, value in identity.named().items() if name not in MAY_CHANGE}


def _series(metric: str, pairs: Sequence[tuple[Record, Measurement]], least: float) -> Series:
    known = [(record, one.metrics[metric]) for record, one in pairs if metric in one.metrics]
    first, measurement = pairs[0]
    values = [value.point for _, value in known]
    shifts = find_shifts(values, least) if min(values) > 0 else ()
    return Series(
        scenario=first.identity.scenario,
        metric=metric,
        operation=measurement.operation,
        treatment=measurement.treatment,
        made_with=_made_with(first.identity),
        moments=tuple(
            Moment(run_id=record.run_id, started_utc=record.started_utc, commit=record.commit, value=value)
            for record, value in known
        ),
        turns=tuple(_turn(metric, known[shift.index - 1][0], known[shift.index][0], shift.ratio) for shift in shifts),
    )


def _turn(metric: str, before: Record, record: Record, ratio: float) -> Turn:
    better = (ratio > 1) == (metric in BIGGER_IS_BETTER)
    return Turn(
        run_id=record.run_id,
        before_run_id=before.run_id,
        commit=record.commit,
        before_commit=before.commit,
        ratio=ratio,
        direction="better" if better else "worse",
        also=(*map(str, differences(before.identity, record.identity)), *_versions(before.versions, record.versions)),
    )


def _versions(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    names = sorted(before.keys() | now.keys())
    return [
        f"{name}: {before.get(name, 'none')}, now {now.get(name, 'none')}"
        for name in names
        if before.get(name) != now.get(name)
    ]
