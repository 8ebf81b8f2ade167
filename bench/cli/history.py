"""`bench history`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import msgspec

from bench.analysis.wording import count
from bench.cli.known_names import complete_scenarios
from bench.cli.options import reports_option, results_option
from bench.cli.output import json_option, note, print_json, tell
from bench.experiment.history import METRICS, read_history
from bench.model.errors import ScenarioError
from bench.model.units import parse_percent
from bench.report.numbers import with_interval
from bench.report.words import describe, metric_unit, operation_name

if TYPE_CHECKING:
    from pathlib import Path

    from bench.analysis.history import Series


@click.command("history")
@click.argument("scenario", required=False, shell_complete=complete_scenarios)
@click.option(
    "--metric",
    "metrics",
    multiple=True,
    metavar="METRIC",
    help=f"Show this instead of {', '.join(METRICS)}; may be repeated.",
)
@click.option("--least", default="5%", show_default=True, help="The smallest change of level that matters.")
@results_option
@reports_option
@json_option
def command(
    scenario: str | None, *, metrics: tuple[str, ...], least: str, results_root: Path, reports_root: Path, as_json: bool
) -> None:
    """Show how the runs of SCENARIO (a name; all, if left out) developed, and in which run a level changed.

    Runs of another machine, other data or other windows are series of their own. Needs no database.

    \b
    Example:
      bench history rating_lookup --metric response_time.p99
    """
    try:
        smallest = parse_percent(least)
    except ValueError as error:
        raise ScenarioError(f"`--least {least}`: {error}", remedy="Write for example `--least 5%`.") from None
    history = read_history(scenario, results_root, reports_root, metrics, smallest)
    if as_json:
        series = msgspec.to_builtins(history.series)
        print_json("history", {"report": str(history.page), "notes": list(history.notes), "series": series})
        return
    for text in history.notes:
        note(text)
    for one in history.series:
        _show(one)
    tell(f"{count(history.runs, 'run')}; trends in {history.page}")


def _show(one: Series) -> None:
    last = one.moments[-1].value
    shown = with_interval(last, metric_unit(one.metric, last.unit))
    tell(
        f"{one.scenario} {one.metric}, {operation_name(one.operation)}, {describe(one.treatment)}: "
        f"{count(len(one.moments), 'run')}, last {shown}"
    )
    for turn in one.turns:
        colour = "green" if turn.direction == "better" else "red"
        change = click.style(f"{100 * (turn.ratio - 1):+.1f} % ({turn.direction})", fg=colour)
        tell(f"  {change} since {turn.run_id} ({turn.commit}), before it {turn.before_run_id}")
        for text in turn.also:
            tell(f"    also changed: {text}")
