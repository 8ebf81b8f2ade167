"""How big should the pool be? One answer per load level, one for all, with reasons and with what cannot be claimed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from bench.analysis.limits import cannot_claim
from bench.analysis.load_answer import Cell, LoadAnswer, answer_load
from bench.analysis.measure import usable
from bench.analysis.measurement import ALL_OPERATIONS
from bench.analysis.summary import key_of
from bench.analysis.verdict import sum_up
from bench.analysis.wording import estimate, percent, treatment
from bench.design.search import MARGIN
from bench.model.scenario import Level
from bench.stats.queueing import pool_size_prior

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import numpy as np

    from bench.analysis.measurement import Line, Measurement
    from bench.analysis.summary import TrialSummary

SIZE = "pool.size"
LOADS = ("load.clients", "load.rate", "load.users")


class SubjectAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The answer for one combination of everything else that was varied: driver, pooler and so on."""

    levels: dict[str, Level]
    recommended: int | None
    reason: str
    loads: tuple[LoadAnswer, ...]
    cannot_claim: tuple[str, ...]


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of a run. ``formula`` is the starting point cores x 2 + 1, to set the measured answer beside."""

    headline: str
    subjects: tuple[SubjectAnswer, ...]
    formula: int | None
    recommended: tuple[dict[str, Level], ...]
    """The treatments whose budgets decide the verdict: the answer's own, or the nearest to one."""


def answer_pool_size(
    measurements: Sequence[Measurement],
    lines: Sequence[Line],
    summaries: Sequence[TrialSummary],
    rng: np.random.Generator,
) -> Answer:
    """Answer from measured treatments; ``lines`` are the budgets judged under each of them.

    For all load levels together: the smallest size that meets the budgets wherever any size does, that is not shown to
    be worse than the best by more than the margin at any load level, and whose mean is within it at the highest. If
    there is none, the size that loses least where it loses most.
    """
    cells = _cells(measurements, lines, summaries)
    subjects: dict[object, list[tuple[str, Level, Cell]]] = {}
    for key, load, cell in cells:
        others = {name: level for name, level in cell.measurement.treatment.items() if name not in (SIZE, key)}
        subjects.setdefault(key_of(others), []).append((key, load, cell))
    answers = tuple(_answer_subject(entries, rng) for entries in subjects.values())
    cores = next((summary.facts.cores for summary in summaries), None)
    return Answer(
        headline=_headline(answers),
        subjects=answers,
        formula=None if cores is None else pool_size_prior(cores),
        recommended=tuple(levels for answer in answers for levels in _deciding(answer)),
    )


def _cells(
    measurements: Sequence[Measurement], lines: Sequence[Line], summaries: Sequence[TrialSummary]
) -> list[tuple[str, Level, Cell]]:
    trials: dict[object, list[TrialSummary]] = {}
    for summary in summaries:
        trials.setdefault(key_of(summary.trial.treatment), []).append(summary)
    judged: dict[object, list[Line]] = {}
    for line in lines:
        judged.setdefault(key_of(line.treatment), []).append(line)
    found = []
    for measurement in measurements:
        size = measurement.treatment.get(SIZE)
        key = next((name for name in LOADS if name in measurement.treatment), None)
        if measurement.operation != ALL_OPERATIONS or not isinstance(size, int) or key is None:
            continue
        identity = key_of(measurement.treatment)
        own = tuple(judged.get(identity, ()))
        cell = Cell(
            size=size,
            measurement=measurement,
            lines=own,
            budgets=sum_up(line.verdict for line in own) if own else "none",
            throughputs=_throughputs(trials.get(identity, [])),
        )
        found.append((key, measurement.treatment[key], cell))
    return found


def _throughputs(trials: Sequence[TrialSummary]) -> Mapping[int, float]:
    used, valid = usable(trials)
    return {summary.trial.block: summary.everything.throughput for summary in used} if valid else {}


def _answer_subject(entries: Sequence[tuple[str, Level, Cell]], rng: np.random.Generator) -> SubjectAnswer:
    key, _, first = entries[0]
    others = {name: level for name, level in first.measurement.treatment.items() if name not in (SIZE, key)}
    by_load: dict[Level, list[Cell]] = {}
    for _, load, cell in entries:
        by_load.setdefault(load, []).append(cell)
    ordered = sorted(by_load.items(), key=lambda item: float(item[0]))
    sorted_cells = [(load, sorted(cells, key=lambda cell: cell.size)) for load, cells in ordered]
    loads = tuple(answer_load(key, load, cells, rng) for load, cells in sorted_cells)
    size, reason = _overall(loads)
    chosen = [cell for _, cells in sorted_cells for cell in cells if cell.size == size]
    return SubjectAnswer(
        levels=others,
        recommended=size,
        reason=reason,
        loads=loads,
        cannot_claim=cannot_claim(loads, chosen, size),
    )


def _overall(loads: Sequence[LoadAnswer]) -> tuple[int | None, str]:
    served = [load for load in loads if load.recommended is not None]
    if not served:
        return None, loads[-1].reason
    if len(served) == 1:
        alone = "" if len(loads) == 1 else f", at {served[0].at} alone: no size serves the other load levels"
        return served[0].recommended, served[0].reason + alone
    tables = [_standing(load) for load in served]
    top = served[-1]
    at = top.at
    of_all = f"all {len(served)} load levels" if len(served) == len(loads) else f"the {len(served)} load levels served"
    everywhere = sorted(set.intersection(*(set(table) for table in tables)))
    floor = 1 - MARGIN
    for size in everywhere:
        if all(table[size][1] >= floor for table in tables) and tables[-1][size][0] >= floor:
            margin = f"{100 * MARGIN:g} %"
            return size, f"the smallest not shown to be worse than the best at {of_all}, within {margin} of it at {at}"
    if not everywhere:
        return top.recommended, f"no size meets the budgets at {of_all}; this is the answer at {at} alone"
    size = max(everywhere, key=lambda size: min(table[size][0] for table in tables))
    loss = percent(1 - min(table[size][0] for table in tables))
    return size, f"no size is near the best at {of_all}; this one loses least where it loses most, {loss}"


def _standing(load: LoadAnswer) -> dict[int, tuple[float, float]]:
    """Return point and upper end of each compared size's throughput beside the best; 1 for one without a rival."""
    compared = [size for size in load.sizes if size.valid and size.budgets in ("pass", "none")]
    return {
        size.pool_size: (size.ratio.point, size.ratio.high) if size.ratio else (1.0, 1.0)
        for size in compared
        if size.ratio or len(compared) == 1
    }


def _deciding(answer: SubjectAnswer) -> Iterable[dict[str, Level]]:
    """Return the treatments that stand for a subject: at each load the recommended size, else the nearest to one."""
    for load in answer.loads:
        measured = [size.pool_size for size in load.sizes]
        wanted = [answer.recommended, load.recommended, load.fallback]
        size = next((size for size in wanted if size in measured), None)
        for chosen in measured if size is None else [size]:
            yield {**answer.levels, load.key: load.load, SIZE: chosen}


def _headline(answers: Sequence[SubjectAnswer]) -> str:
    if not answers:
        return "No pool size was measured."
    differing = telling_levels([answer.levels for answer in answers])
    sentences = []
    for answer, levels in zip(answers, differing, strict=True):
        of_what = f" for {treatment(levels)}" if levels else ""
        if answer.recommended is None:
            sentences.append(f"No pool size can be recommended{of_what}: {answer.reason}.")
            continue
        served = [load for load in answer.loads if load.recommended is not None]
        size = next((size for size in served[-1].sizes if size.pool_size == answer.recommended), None)
        # The reason of a single load level has its throughput already.
        throughput = size.throughput if size and len(served) > 1 else None
        seen = f" ({estimate(throughput)} at {served[-1].at})" if throughput else ""
        sentences.append(f"Pool size {answer.recommended}{of_what}{seen}: {answer.reason}.")
    return " ".join(sentences)


def telling_levels(subjects: Sequence[Mapping[str, Level]]) -> list[dict[str, Level]]:
    """Return, for each subject, the levels that tell it from the others."""
    names = dict.fromkeys(name for levels in subjects for name in levels)
    differing = [name for name in names if len({levels.get(name) for levels in subjects}) > 1]
    return [{name: levels[name] for name in differing if name in levels} for levels in subjects]
