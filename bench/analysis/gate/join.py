"""Runs of one side joined into one: every run is a block of an interleaved job."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from bench.analysis.gate.side import Side
from bench.analysis.measure import combine
from bench.analysis.measurement import ALL_OPERATIONS
from bench.analysis.summary import key_of
from bench.analysis.verdict import judge

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.analysis.summary import TrialSummary


def join(name: str, blocks: Sequence[Side]) -> Side:
    """Return one side from its blocks in the order of the pairs: the n-th becomes block n, and budgets are judged anew.

    Every treatment counts: nothing was explored.
    """
    first, last = blocks[0], blocks[-1]
    summaries = tuple(
        replace(summary, trial=msgspec.structs.replace(summary.trial, block=number))
        for number, block in enumerate(blocks, 1)
        for summary in block.summaries
    )
    by_treatment: dict[object, list[TrialSummary]] = {}
    for summary in summaries:
        by_treatment.setdefault(key_of(summary.trial.treatment), []).append(summary)
    names = (ALL_OPERATIONS, *first.operations)
    measurements = tuple(
        measurement
        for trials in by_treatment.values()
        for measurement in combine(trials[0].trial.treatment, trials, names)
    )
    plans = tuple(fact for block in blocks for fact in block.plans)
    return Side(
        name=name,
        run_id=last.run_id,
        identity=first.identity,
        scenario=first.scenario,
        verdict=judge(measurements, first.scenario, None, plans),
        measurements=measurements,
        summaries=summaries,
        plans=plans,
        notes=tuple(dict.fromkeys(note for block in blocks for note in block.notes)),
        folder=last.folder,
    )
