"""The pool size for one load level: the smallest within the noise of the best among those that meet the budgets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import msgspec

from bench.analysis.wording import estimate, rate, treatment
from bench.design.search import MARGIN
from bench.model.scenario import Level
from bench.stats.estimate import Estimate, Refused
from bench.stats.knee import kneedle_knee
from bench.stats.plateau import SmallestLevel, smallest_within_noise
from bench.stats.scalability import UslEstimate, estimate_usl

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np

    from bench.analysis.measurement import Line, Measurement

USL_RESAMPLES = 200


class SizeAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """How one pool size stands at one load level."""

    pool_size: int
    throughput: Estimate | None
    ratio: Estimate | None
    """Throughput beside the best among the sizes that meet the budgets; None where it was not compared."""
    budgets: Literal["pass", "fail", "inconclusive", "none"]
    valid: bool
    reason: str


class LoadAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The answer at one load level. ``low`` .. ``high`` is where the answer may lie, given the noise."""

    key: str
    load: Level
    recommended: int | None
    """None where no size meets the budgets, or the trials do not allow a comparison."""
    fallback: int | None
    """What stands for an answer where there is none: budgets left out of account, or the best seen in single trials."""
    low: int | None
    high: int | None
    best: int | None
    """The size with the highest mean throughput among those compared."""
    reason: str
    sizes: tuple[SizeAnswer, ...]
    usl_peak: Estimate | None
    """Pool size at which the Universal Scalability Law peaks: counter-evidence, not the answer."""
    usl_reason: str
    knee: Estimate | None
    knee_reason: str

    @property
    def at(self) -> str:
        """Name the load level in a sentence: ``load.clients 50``."""
        return treatment({self.key: self.load})


@dataclass(frozen=True, slots=True)
class Cell:
    """One pool size at one load level: its measurement of all operations, its lines, throughput by block."""

    size: int
    measurement: Measurement
    lines: tuple[Line, ...]
    budgets: Literal["pass", "fail", "inconclusive", "none"]
    throughputs: Mapping[int, float]
    """Throughput of each trial that counts, by its block."""


def answer_load(key: str, load: Level, cells: Sequence[Cell], rng: np.random.Generator) -> LoadAnswer:
    """Find the answer at one load level; ``cells`` ascend by size."""
    valid = [cell for cell in cells if cell.measurement.valid and cell.throughputs]
    passing = [cell for cell in valid if cell.budgets in ("pass", "none")]
    candidates = passing or valid
    # A size with one trial shows no spread: it is left out rather than keep the others from being compared.
    compared = [cell for cell in candidates if len(cell.throughputs) >= 2] or candidates
    plateau = compare_sizes(compared)
    ratios = _ratios(plateau)
    point: int | None
    low: int | None
    high: int | None
    best: int | None
    if isinstance(plateau, SmallestLevel):
        point, low, high, best = (int(size) for size in (plateau.point, plateau.low, plateau.high, plateau.best))
    else:
        point = low = high = best = compared[0].size if len(compared) == 1 else None
    usl, knee = _counter_evidence(valid, rng)
    return LoadAnswer(
        key=key,
        load=load,
        recommended=point if passing else None,
        fallback=point if point is not None else _best_seen(compared),
        low=low,
        high=high,
        best=best,
        reason=_reason(cells, valid, passing, plateau, point),
        sizes=tuple(_size_answer(cell, ratios.get(cell.size)) for cell in cells),
        usl_peak=usl if isinstance(usl, Estimate) else None,
        usl_reason=usl.reason if isinstance(usl, Refused) else "",
        knee=knee if isinstance(knee, Estimate) else None,
        knee_reason=knee.reason if isinstance(knee, Refused) else "",
    )


def compare_sizes(cells: Sequence[Cell]) -> SmallestLevel | Refused:
    """Compare throughputs, paired by block where at least two blocks have a trial of every size."""
    if not cells:
        return Refused("no pool size has a valid measurement", 0, None)
    common = sorted(set.intersection(*(set(cell.throughputs) for cell in cells)))
    paired = len(common) >= 2
    groups = [[cell.throughputs[block] for block in (common if paired else sorted(cell.throughputs))] for cell in cells]
    if any(value <= 0 for group in groups for value in group):
        return Refused("a trial completed nothing, so sizes cannot be compared as ratios", len(common), None)
    return smallest_within_noise([cell.size for cell in cells], groups, MARGIN, paired=paired)


def _best_seen(cells: Sequence[Cell]) -> int | None:
    best = max(cells, key=lambda cell: sum(cell.throughputs.values()) / len(cell.throughputs), default=None)
    return None if best is None else best.size


def _ratios(plateau: SmallestLevel | Refused) -> dict[int, tuple[Estimate | None, str]]:
    if isinstance(plateau, Refused):
        return {}
    return {
        int(reason.level): (reason.ratio if isinstance(reason.ratio, Estimate) else None, reason.reason)
        for reason in plateau.reasons
    }


def _counter_evidence(cells: Sequence[Cell], rng: np.random.Generator) -> tuple[Estimate | Refused, Estimate | Refused]:
    levels = [cell.size for cell in cells]
    groups = [list(cell.throughputs.values()) for cell in cells]
    if not cells or any(value <= 0 for group in groups for value in group):
        nothing = Refused("no throughput above zero at every size", 0, None)
        return nothing, nothing
    curve = estimate_usl(levels, groups, rng, resamples=USL_RESAMPLES)
    peak = curve.peak if isinstance(curve, UslEstimate) else curve
    return peak, kneedle_knee(levels, groups, rng, unit="connections")


def _size_answer(cell: Cell, ratio: tuple[Estimate | None, str] | None) -> SizeAnswer:
    if not cell.measurement.valid:
        codes = dict.fromkeys(caveat.code for caveat in cell.measurement.caveats if caveat.invalidates)
        reason = f"invalid: {', '.join(codes)}"
    elif cell.budgets in ("fail", "inconclusive"):
        failing = [line for line in cell.lines if line.verdict == cell.budgets]
        word = "misses" if cell.budgets == "fail" else "is not shown to meet"
        budget_texts = ", ".join(dict.fromkeys(line.budget for line in failing))
        reason = f"{word} {budget_texts}"
    else:
        reason = ratio[1] if ratio else f"not compared: {len(cell.throughputs)} trial(s)"
    return SizeAnswer(
        pool_size=cell.size,
        throughput=cell.measurement.metrics.get("throughput"),
        ratio=ratio[0] if ratio else None,
        budgets=cell.budgets,
        valid=cell.measurement.valid,
        reason=reason,
    )


def _reason(
    cells: Sequence[Cell],
    valid: Sequence[Cell],
    passing: Sequence[Cell],
    plateau: SmallestLevel | Refused,
    point: int | None,
) -> str:
    if not valid:
        return "no pool size has a valid measurement"
    if not passing:
        undecided = [str(cell.size) for cell in valid if cell.budgets == "inconclusive"]
        also = f"; not decided for {', '.join(undecided)}" if undecided else ""
        if len(cells) == 1:
            return f"the only pool size measured, {cells[0].size}, is not shown to meet the budgets"
        return f"none of the {len(cells)} pool sizes is shown to meet the budgets{also}"
    if point is None:
        return plateau.reason if isinstance(plateau, Refused) else ""
    cell = next(cell for cell in passing if cell.size == point)
    throughput = cell.measurement.metrics.get("throughput")
    seen = estimate(throughput) if throughput else rate(sum(cell.throughputs.values()) / len(cell.throughputs))
    budgets = "" if cell.budgets == "none" else " that meets the budgets"
    if len(cells) == 1:
        return f"the only pool size measured: {seen}"
    if len(passing) == 1:
        return f"the only pool size{budgets or ' with a valid measurement'}: {seen}"
    return f"the smallest{budgets} within {100 * MARGIN:g} % of the best throughput: {seen}"
