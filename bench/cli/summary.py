"""The last screen of a run: the answer, the budgets, what to do next, where the report is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
import msgspec

from bench.cli.output import note, print_json
from bench.cli.progress import describe
from bench.report.numbers import quantity, with_interval

if TYPE_CHECKING:
    from bench.analysis.measurement import Verdict
    from bench.experiment.derive import Derived

_COLOURS = {"pass": "green", "fail": "red", "inconclusive": "yellow"}
_SEVERITIES = ("high", "warning")


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
    click.echo("")
    click.secho(derived.analysis.answer.headline, bold=True)
    doubts = (doubt for subject in derived.analysis.answer.subjects for doubt in subject.cannot_claim)
    for doubt in dict.fromkeys(doubts):  # what holds for several subjects is said once
        note(f"  cannot claim: {doubt}")
    _print_verdict(verdict if capacity is None else _deciding(verdict))
    for finding in derived.analysis.findings:
        if finding.severity in _SEVERITIES:
            click.echo(f"  {finding.severity}: {finding.summary}")
    click.echo(f"results  {derived.path}")
    click.echo(f"report   {derived.report}")


def _deciding(verdict: Verdict) -> Verdict:
    """Leave out what a search for the capacity tried on its way: most of it had to fail."""
    return msgspec.structs.replace(verdict, lines=tuple(line for line in verdict.lines if line.counts))


def judged(verdict: Verdict) -> str | None:
    """Return pass, fail or inconclusive; None where the scenario states no budget, so that there was none to judge."""
    return verdict.verdict if verdict.lines else None


def _print_verdict(verdict: Verdict) -> None:
    if not verdict.lines:
        click.echo("budgets: none stated")
        return
    click.echo("budgets: " + click.style(verdict.verdict.upper(), fg=_COLOURS[verdict.verdict], bold=True))
    deciding = [line for line in verdict.lines if line.counts]
    for line in deciding:
        unit = "%" if line.unit == "1" else line.unit
        observed = with_interval(line.observed, unit) if line.observed else "not measured"
        where = f"; {describe(line.treatment)}" if line.treatment else ""
        reason = f" ({line.reason})" if line.reason else ""
        click.echo(f"  {line.verdict:<12} {line.budget}: {observed}, limit {quantity(line.limit, unit)}{where}{reason}")
    if explored := len(verdict.lines) - len(deciding):
        click.echo(f"  and {explored} lines of treatments that were only explored: see the report")
