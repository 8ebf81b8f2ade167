"""The last screen of a run: which pool size to use, why, whether the budgets hold, what to change next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
import msgspec

from bench.analysis.answer import SIZE, telling_levels
from bench.analysis.capacity import ANY_RATE
from bench.analysis.gate.standing import Unset
from bench.analysis.measurement import ALL_OPERATIONS
from bench.analysis.wording import count
from bench.cli.output import print_json, tell
from bench.report.numbers import limit, with_interval
from bench.report.sections.changes import lay_out_standing
from bench.report.words import describe, plain
from bench.store.names import is_finished

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.analysis.analyse import Analysis
    from bench.analysis.answer import SubjectAnswer
    from bench.analysis.load_answer import LoadAnswer
    from bench.analysis.measurement import Verdict
    from bench.experiment.derive import Derived

_COLOURS = {"pass": "green", "fail": "red", "inconclusive": "yellow"}
_SEVERITIES = ("high", "warning")
_MOST_STEPS = 5
"""A screen is read once; the report has them all."""


def print_outcome(derived: Derived, *, as_json: bool, kind: str = "run") -> None:
    """Print the outcome for a person, or as the one JSON document of this kind that scripts read."""
    verdict = derived.analysis.verdict
    capacity = derived.analysis.capacity
    if as_json:
        document: dict[str, Any] = {
            "run_id": derived.run_id,
            "path": str(derived.path),
            "report": str(derived.report),
            "verdict": verdict.verdict,
        }
        found = {} if capacity is None else {"capacity": msgspec.to_builtins(capacity)}
        print_json(kind if capacity is None else "capacity", {**document, **found})
        return
    tell()
    for answer, reason in answers(derived.analysis):
        tell(answer, bold=True)
        if reason:
            tell(f"  why: {plain(reason)}")
    doubts = (doubt for subject in derived.analysis.answer.subjects for doubt in subject.cannot_claim)
    for doubt in dict.fromkeys(doubts):  # what holds for several subjects is said once
        tell(f"  cannot claim: {plain(doubt)}")
    _print_verdict(verdict if capacity is None else _deciding(verdict), derived.analysis.answer.headline)
    _print_standing(derived)
    _print_next(derived)
    tell(f"results  {derived.path}")
    tell(f"report   {derived.report}")


def answers(analysis: Analysis) -> Iterator[tuple[str, str]]:
    """Yield what to do about the pool, for each combination of everything else, and why."""
    subjects = analysis.answer.subjects
    if analysis.capacity is not None or analysis.tuning is not None or not subjects:
        yield analysis.answer.headline, ""
        return
    for subject, levels in zip(subjects, telling_levels([one.levels for one in subjects]), strict=True):
        of_what = f" for {describe(levels)}" if levels else ""
        sizes = {size.pool_size for load in subject.loads for size in load.sizes}
        served = [load for load in subject.loads if load.recommended is not None]
        if subject.recommended is None:
            yield f"No pool size can be recommended{of_what}.", f"{subject.reason}."
        elif len(sizes) == 1:
            yield f"Pool size {subject.recommended}{of_what} is the only one measured.", _seen(subject, served)
        else:
            # The reason of a single load level has its throughput already.
            seen = f"; {_seen(subject, served)}" if len(subject.loads) > 1 else ""
            yield f"Use pool size {subject.recommended}{of_what}.", f"{subject.reason}{seen}"


def _seen(subject: SubjectAnswer, served: Sequence[LoadAnswer]) -> str:
    """Tell the throughput of the advised size at the highest load level that it serves."""
    top = served[-1]
    size = next((size for size in top.sizes if size.pool_size == subject.recommended), None)
    if size is None or size.throughput is None:
        return f"its throughput at {top.at} is not known"
    return f"{with_interval(size.throughput, size.throughput.unit)} at {top.at}"


def next_steps(analysis: Analysis, run_id: str, *, finished: bool) -> Iterator[tuple[str, str]]:
    """Yield what to change next and why, the most pressing first."""
    if not finished:
        yield f"Go on with `bench run --resume {run_id}`.", "the run stopped early: this rests on its finished trials"
    everything = [one for one in analysis.measurements if one.operation == ALL_OPERATIONS]
    doubts = [caveat for one in everything if not one.valid for caveat in one.caveats if caveat.invalidates]
    if doubts and not any(one.valid for one in everything):
        yield doubts[0].cure, f"no measurement here can be believed: {doubts[0].text}"
    for severity in _SEVERITIES:
        for finding in analysis.findings:
            if finding.severity == severity:
                yield finding.remedy, f"{severity}: {finding.summary}"
    sizes = {one.treatment.get(SIZE) for one in everything} - {None}
    if len(sizes) == 1 and analysis.capacity is None and analysis.tuning is None:
        yield "Measure other pool sizes: `--sweep pool.size=1,2,4..32`.", "one size alone cannot be the best"


def _print_next(derived: Derived) -> None:
    steps = list(next_steps(derived.analysis, derived.run_id, finished=is_finished(derived.path)))
    if not steps:
        tell("next: nothing measured here calls for a change; `bench tune` tries what might help, and proves it")
        return
    tell("next:")
    for number, (remedy, reason) in enumerate(steps[:_MOST_STEPS], 1):
        tell(f"  {number}. {remedy}")
        tell(f"     {reason}")
    if len(steps) > _MOST_STEPS:
        tell(f"  and {len(steps) - _MOST_STEPS} more: see the report")


def _deciding(verdict: Verdict) -> Verdict:
    """Leave out what a search for the capacity tried on its way: most of it had to fail."""
    return msgspec.structs.replace(verdict, lines=tuple(line for line in verdict.lines if line.counts))


def judged(verdict: Verdict) -> str | None:
    """Return pass, fail or inconclusive; None where the scenario states no budget, so that there was none to judge."""
    return verdict.verdict if verdict.lines else None


def _print_standing(derived: Derived) -> None:
    if derived.standing is None or isinstance(derived.standing, Unset):
        return  # the report tells how to set one
    section = lay_out_standing(derived.standing, derived.run_id)
    tell(section.line)
    for row in section.changed.rows[:_MOST_STEPS]:
        tell(f"  {row.line}")
    if (left := section.number - _MOST_STEPS) > 0:
        tell(f"  and {left} more: see the report")


def _print_verdict(verdict: Verdict, headline: str) -> None:
    """Print each budget; a reason that the ``headline`` has told is not told again."""
    if not verdict.lines:
        tell("budgets: none stated")
        return
    tell("budgets: " + click.style(verdict.verdict.upper(), fg=_COLOURS[verdict.verdict], bold=True))
    deciding = [line for line in verdict.lines if line.counts]
    for line in deciding:
        if line.budget == ANY_RATE:  # nobody stated it: the headline has told the rate
            continue
        unit = "%" if line.unit == "1" else line.unit
        observed = with_interval(line.observed, unit) if line.observed else "not measured"
        where = f"; {describe(line.treatment)}" if line.treatment else ""
        reason = f" ({line.reason})" if line.reason not in ("", headline) else ""
        tell(f"  {line.verdict:<12} {line.budget}: {observed}, limit {limit(line.limit, unit)}{where}{reason}")
    if explored := len(verdict.lines) - len(deciding):
        tell(f"  and {count(explored, 'line')} of treatments that were only explored: see the report")
