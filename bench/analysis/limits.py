"""What an answer cannot claim: too few replicates, the edge of the sweep, somebody else's ceiling."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.stats.significance import smallest_p

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.analysis.load_answer import Cell, LoadAnswer

FEWEST_REPLICATES = 5
CEILINGS = {
    "generator-saturated": "the ceiling of this generator",
    "pooler-saturated": "the ceiling of one pgBouncer process",
    "machine-saturated": "the ceiling of this machine with load, pooler and server on it",
}


def cannot_claim(loads: Sequence[LoadAnswer], chosen: Sequence[Cell], size: int | None) -> tuple[str, ...]:
    """Return one sentence per limit of the answer; ``chosen`` are the cells of the recommended size."""
    return tuple(dict.fromkeys((*_comparison(loads), *_edges(loads, size), *_trials(chosen), *_ceilings(chosen))))


def _comparison(loads: Sequence[LoadAnswer]) -> Iterator[str]:
    sizes = {size.pool_size for load in loads for size in load.sizes}
    if len(sizes) == 1:
        yield f"Only pool size {min(sizes)} was measured, so nothing shows that another would not do better."
    for load in loads:
        if load.recommended is None:
            yield f"At {load.at} there is no recommendation: {load.reason}."
        invalid = [str(size.pool_size) for size in load.sizes if not size.valid]
        if invalid:
            yield f"At {load.at} pool size {', '.join(invalid)} has no valid measurement and was left out."


def _edges(loads: Sequence[LoadAnswer], size: int | None) -> Iterator[str]:
    sizes = sorted({entry.pool_size for load in loads for entry in load.sizes})
    if size is None or len(sizes) < 2:
        return
    best = max((load.best for load in loads if load.best is not None), default=None)
    if best == sizes[-1]:
        yield f"The best throughput is at {best}, the largest pool measured: larger ones may do better still."
    if size == sizes[0] and size > 1:
        yield f"{size} is the smallest pool measured: smaller ones may do as well."


def _trials(chosen: Sequence[Cell]) -> Iterator[str]:
    fewest = min((len(cell.throughputs) for cell in chosen), default=0)
    if 0 < fewest < FEWEST_REPLICATES:
        floor = (
            ""
            if fewest < 2
            else f" (a rank test of {fewest} against {fewest} cannot go below p = {smallest_p(fewest, fewest):.2g})"
        )
        yield (
            f"{fewest} replicate{'s' if fewest > 1 else ''} per treatment cannot show small differences{floor}: "
            f"use {FEWEST_REPLICATES} or more before acting on one."
        )


def _ceilings(chosen: Sequence[Cell]) -> Iterator[str]:
    codes = {caveat.code for cell in chosen for caveat in cell.measurement.caveats}
    for code, ceiling in CEILINGS.items():
        if code in codes:
            yield f"The throughput is {ceiling}: the database may do more."
