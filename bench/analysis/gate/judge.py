"""The whole gate: budgets of the candidate, and the candidate against a baseline where one is given."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.analysis.gate.compare import compare_sides
from bench.analysis.gate.identity import differences, refuse_others
from bench.analysis.gate.plans import compare_plans
from bench.analysis.gate.result import GateLine, GateResult
from bench.analysis.verdict import sum_up
from bench.model.errors import ScenarioError

if TYPE_CHECKING:
    from bench.analysis.gate.compare import Terms
    from bench.analysis.gate.identity import Difference
    from bench.analysis.gate.side import Side
    from bench.analysis.measurement import Line

NOISE_UNKNOWN = (
    "the noise between runs is not known (fewer than 3 comparable runs of this scenario here): a difference may come "
    "from another start of the servers; `--against` measures both sides interleaved"
)

FEW_PAIRS = "the noise floor is not known: it takes 4 pairs or more, of valid trials"


def judge_gate(candidate: Side, baseline: Side | None, terms: Terms, *, budgets: bool = True) -> GateResult:
    """Judge; raises ``ScenarioError`` where there is nothing to judge or the sides cannot be compared.

    Without ``budgets`` only the comparison counts, as in `bench compare`.
    """
    lines = [_of_budget(line) for line in candidate.verdict.lines] if budgets else []
    notes = list(candidate.notes)
    found: tuple[Difference, ...] = ()
    if baseline is not None:
        found = differences(baseline.identity, candidate.identity)
        refuse_others(found, terms.allowed)
        compared, left_out = compare_sides(baseline, candidate, terms)
        lines += [*compared, *compare_plans(baseline, candidate, terms.allowed)]
        unknown = FEW_PAIRS if terms.paired else NOISE_UNKNOWN
        notes += [*baseline.notes, *left_out, *(() if terms.floors else (unknown,))]
    if not lines:
        raise ScenarioError(
            f"{candidate.name} has nothing to be judged by: no budget and no baseline",
            remedy="State `budgets` in the scenario or with `--budget`, or compare with `--baseline NAME`.",
        )
    return GateResult(
        verdict=sum_up(line.verdict for line in lines if line.counts),
        scenario=candidate.scenario.name,
        run_id=candidate.run_id,
        baseline=None if baseline is None else baseline.name,
        lines=tuple(lines),
        allowed=found,
        notes=tuple(dict.fromkeys(notes)),
        paired=terms.paired,
    )


def _of_budget(line: Line) -> GateLine:
    return GateLine(
        kind="budget",
        name=line.budget,
        operation=line.operation,
        treatment=line.treatment,
        verdict=line.verdict,
        reason=line.reason,
        unit=line.unit,
        observed=line.observed,
        limit=line.limit,
        counts=line.counts,
    )
