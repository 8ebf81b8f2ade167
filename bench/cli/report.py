"""`bench report`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bench.cli.known_names import complete_baselines, complete_runs
from bench.cli.options import reports_option, results_option
from bench.cli.output import json_option, print_json, tell
from bench.cli.progress import choose_progress
from bench.experiment.derive import derive

if TYPE_CHECKING:
    from pathlib import Path


@click.command("report")
@click.argument("runs", nargs=-1, required=True, shell_complete=complete_runs)
@click.option(
    "--baseline",
    metavar="NAME",
    shell_complete=complete_baselines,
    help="Begin with what changed against this baseline, not the one set last for the scenario.",
)
@results_option
@reports_option
@json_option
def command(
    runs: tuple[str, ...], *, baseline: str | None, results_root: Path, reports_root: Path, as_json: bool
) -> None:
    """Render the HTML report of each of RUNS again. Needs no database.

    It begins with what changed against the baseline of the scenario, where one is set (`bench baseline`).

    \b
    Examples:
      bench report latest
      bench report latest --baseline release/1.0
    """
    rendered = []
    with choose_progress() as progress:
        for run in runs:
            derived = derive(run, results_root, reports_root, progress, baseline)
            rendered.append({"run_id": derived.run_id, "path": str(derived.path), "report": str(derived.report)})
    if as_json:
        print_json("report", {"reports": rendered})
        return
    for row in rendered:
        tell(row["report"])
