"""The last screen of a run: the answer, the budgets, what to do next, where the report is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bench.cli.output import note, print_json
from bench.cli.progress import describe
from bench.report.numbers import quantity, with_interval

if TYPE_CHECKING:
    from bench.analysis.measurement import Verdict
    from bench.experiment.derive import Derived

_COLOURS = {"pass": "green", "fail": "red", "inconclusive": "yellow"}
_SEVERITIES = ("high", "warning")


def print_outcome(derived: Derived, *, as_json: bool) -> None:
    """Print the outcome for a person, or as the one JSON document that scripts read."""
    verdict = derived.analysis.verdict
    if as_json:
        document = {"run_id": derived.run_id, "path": str(derived.path), "report": str(derived.report)}
        print_json("run", {**document, "verdict": verdict.verdict})
        return
    click.echo("")
    click.secho(derived.analysis.answer.headline, bold=True)
    for subject in derived.analysis.answer.subjects:
        for doubt in subject.cannot_claim:
            note(f"  cannot claim: {doubt}")
    _print_verdict(verdict)
    for finding in derived.analysis.findings:
        if finding.severity in _SEVERITIES:
            click.echo(f"  {finding.severity}: {finding.summary}")
    click.echo(f"results  {derived.path}")
    click.echo(f"report   {derived.report}")


def _print_verdict(verdict: Verdict) -> None:
    if not verdict.lines:
        click.echo("budgets: none stated")
        return
    click.echo("budgets: " + click.style(verdict.verdict.upper(), fg=_COLOURS[verdict.verdict], bold=True))
    worst = {line.verdict for line in verdict.lines} - {"pass"}
    for line in verdict.lines:
        if line.verdict == "pass" and worst and len(verdict.lines) > 8:
            continue
        observed = with_interval(line.observed, line.unit) if line.observed else "not measured"
        reason = f" ({line.reason})" if line.reason else ""
        click.echo(
            f"  {line.verdict:<12} {line.budget}: {observed}, limit {quantity(line.limit, line.unit)}; "
            f"{describe(line.treatment)}{reason}"
        )
