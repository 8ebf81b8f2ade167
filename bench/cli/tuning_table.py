"""The last screen of a tuning: what was tried, what is proven, what to copy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
import msgspec

from bench.cli.output import print_json, tell
from bench.report.numbers import rough_span
from bench.stats.estimate import Estimate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.analysis.tuning.decision import Decision
    from bench.analysis.tuning.outcome import TuningOutcome
    from bench.experiment.derive import Derived

_COLOURS = {"proven": "green", "no effect": "white", "harmful": "red", "undecided": "yellow"}


def print_tuning(derived: Derived, *, as_json: bool) -> None:
    """Print the outcome for a person, or as the one JSON document that scripts read."""
    outcome, verdict = derived.analysis.tuning, derived.analysis.verdict
    if outcome is None:
        raise RuntimeError("a tuning was analysed as something else")
    if as_json:
        print_json(
            "tune",
            {
                "run_id": derived.run_id,
                "path": str(derived.path),
                "report": str(derived.report),
                "verdict": verdict.verdict,
                **document(outcome),
            },
        )
        return
    tell()
    tell(derived.analysis.answer.headline, bold=True)
    for one in outcome.tried:
        kept = any(other.candidate.id == one.candidate.id for other in outcome.kept)
        word = click.style(f"{one.decision.outcome:<10}", fg=_COLOURS[one.decision.outcome])
        tell(f"  {word} {one.candidate.title}: {one.decision.reason}{' (kept)' if kept else ''}")
    for costs in outcome.tuning.write_costs.values():
        for cost in costs:
            tell(f"  write cost {cost.words}")
    for left in outcome.tuning.not_tried:
        tell(f"  not tried  {left.title}: {left.reason}")
    spent = outcome.tuning.spent_s
    tell(f"time     {rough_span(sum(spent.values()))}: {_parts(spent)}")
    if outcome.tuning.work_s:
        tell(f"         of which {_parts(outcome.tuning.work_s)}")
    tell(f"results  {derived.path}")
    tell(f"report   {derived.report}")


def _parts(spent: Mapping[str, float]) -> str:
    return ", ".join(f"{what} {rough_span(seconds)}" for what, seconds in spent.items())


def document(outcome: TuningOutcome) -> dict[str, Any]:
    """Return what a script may want of a tuning."""
    kept = [one.candidate.id for one in outcome.kept]
    return {
        "candidates": [
            {
                "id": one.candidate.id,
                "title": one.candidate.title,
                "rule": one.candidate.rule,
                "kept": one.candidate.id in kept,
                "patch": msgspec.to_builtins(one.candidate.patch),
                **_decision(one.decision),
            }
            for one in outcome.tried
        ],
        "combination": None if outcome.combination is None else _decision(outcome.combination),
        "not_tried": [msgspec.to_builtins(one) for one in outcome.tuning.not_tried],
        "write_costs": msgspec.to_builtins(outcome.tuning.write_costs),
        "out_of_time": outcome.tuning.out_of_time,
        "spent_s": outcome.tuning.spent_s,
        "work_s": outcome.tuning.work_s,
        "window_s": outcome.tuning.window_s,
    }


def _decision(decision: Decision) -> dict[str, Any]:
    return {
        "outcome": decision.outcome,
        "status": decision.words,
        "pairs": decision.pairs,
        "effects": {
            effect.metric: msgspec.to_builtins(effect.ratio)
            for effect in decision.effects
            if isinstance(effect.ratio, Estimate)
        },
    }
