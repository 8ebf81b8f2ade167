"""`bench run`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from bench.cli.known_names import complete_runs, complete_scenarios
from bench.cli.options import (
    budget_option,
    override_options,
    read_overrides,
    reports_option,
    results_option,
    where_options,
)
from bench.cli.output import json_option, verdict_code, warn_only_option
from bench.cli.progress import choose_progress
from bench.cli.rarity import warn_of_rare
from bench.cli.repeat import repeatable, resume_command
from bench.cli.summary import judged, print_outcome
from bench.experiment.adaptive import plan_adaptive
from bench.experiment.resume import take_up
from bench.experiment.run import Request, run
from bench.experiment.scenario_file import read_scenario
from bench.model.errors import ScenarioError
from bench.model.scenario_text import Overrides

if TYPE_CHECKING:
    from pathlib import Path

    from bench.environment.attached import Attachment
    from bench.environment.embedded import Where
    from bench.experiment.scenario_file import Planned


@click.command("run")
@click.argument("scenario", required=False, shell_complete=complete_scenarios)
@click.option(
    "--quick", is_flag=True, help="About a minute: fewer replicates and shorter windows; says what it cannot claim."
)
@click.option(
    "--adaptive", is_flag=True, help="Search the best pool size with at most 40 % of the trials of a large sweep."
)
@click.option(
    "--resume",
    metavar="RUN",
    shell_complete=complete_runs,
    help="Take up this unfinished run where it stopped; it knows its scenario.",
)
@override_options
@budget_option
@where_options
@results_option
@reports_option
@warn_only_option
@json_option
def command(
    scenario: str | None,
    *,
    quick: bool,
    adaptive: bool,
    resume: str | None,
    settings: tuple[str, ...],
    sweeps: tuple[str, ...],
    replicates: int | None,
    budgets: tuple[str, ...],
    where: Where | Attachment,
    results_root: Path,
    reports_root: Path,
    warn_only: bool,
    as_json: bool,
) -> None:
    """Run SCENARIO (a file, or the name of a shipped one) or its sweep, then analyse and report.

    Without --dsn it brings up the embedded PostgreSQL and pgBouncer, migrates and seeds them, and stops them at the
    end, unless `bench up` started them. Ctrl-C keeps the finished trials and prints the command that goes on.

    \b
    Examples:
      bench run scenarios/rating_lookup.toml --quick
      bench run rating_lookup --set load.clients=50 --sweep pool.size=1,2,4..32
      bench run rating_lookup --adaptive
      bench run rating_lookup --budget 'buffers(base_rate) <= 8' --budget 'p99(pool_wait) < 5ms'
      bench run mine.toml --dsn postgresql://app@db.internal/insurance
      bench run --resume 20250101T120000Z-rating_lookup-1a2b3c4
    """
    overrides = read_overrides(settings, sweeps, replicates, budgets)
    if resume is None:
        planned = _plan(scenario, overrides, quick=quick, adaptive=adaptive)
    else:
        _refuse_changes(scenario, overrides, quick=quick, adaptive=adaptive)
        planned = take_up(resume, results_root)
    warn_of_rare(planned)
    request = Request(planned, where, results_root, reports_root, repeatable(sys.argv), resume, resume_command())
    with choose_progress() as progress:
        derived = run(request, progress)
    print_outcome(derived, as_json=as_json)
    sys.exit(verdict_code(judged(derived.analysis.verdict), warn_only=warn_only))


def _plan(scenario: str | None, overrides: Overrides, *, quick: bool, adaptive: bool) -> Planned:
    if scenario is None:
        raise click.UsageError("Missing argument 'SCENARIO' (or --resume RUN).", click.get_current_context())
    planned = read_scenario(scenario, overrides, quick=quick)
    return plan_adaptive(planned) if adaptive else planned


def _refuse_changes(scenario: str | None, overrides: Overrides, *, quick: bool, adaptive: bool) -> None:
    if scenario or quick or adaptive or overrides != Overrides():
        raise ScenarioError(
            "`--resume` goes on with the run as it was planned: scenario, overrides and `--adaptive` come from it",
            remedy="Leave them out, or start a new run without `--resume`.",
        )
