"""`bench capacity`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from bench.cli.known_names import complete_scenarios
from bench.cli.options import (
    budget_option,
    read_overrides,
    reports_option,
    results_option,
    setting_option,
    where_options,
)
from bench.cli.output import json_option, note, verdict_code, warn_only_option
from bench.cli.progress import choose_progress
from bench.cli.repeat import repeatable, resume_command
from bench.cli.summary import print_outcome
from bench.experiment.capacity import CONFIRMATIONS, plan_capacity
from bench.experiment.run import Request, run

if TYPE_CHECKING:
    from pathlib import Path

    from bench.environment.attached import Attachment
    from bench.environment.embedded import Where


@click.command("capacity")
@click.argument("scenario", shell_complete=complete_scenarios)
@click.option("--quick", is_flag=True, help="Shorter windows; says what it cannot claim.")
@click.option(
    "--confirm",
    "confirmations",
    type=click.IntRange(1, 20),
    default=CONFIRMATIONS,
    show_default=True,
    help="Trials that must agree on each end of the interval.",
)
@setting_option
@budget_option
@where_options
@results_option
@reports_option
@warn_only_option
@json_option
def command(
    scenario: str,
    *,
    quick: bool,
    confirmations: int,
    settings: tuple[str, ...],
    budgets: tuple[str, ...],
    where: Where | Attachment,
    results_root: Path,
    reports_root: Path,
    warn_only: bool,
    as_json: bool,
) -> None:
    """Find the highest offered rate at which SCENARIO meets its budgets, as an interval of at most 5 %.

    The scenario runs as an open loop, whatever its own load model is, and without its sweep. A rate passes if every
    budget holds (p95 < 100 ms and errors < 0.1 % where there is none), 98 % of what is offered is achieved, and
    response times do not keep growing. A budget on throughput is judged against the interval.

    \b
    Examples:
      bench capacity rating_lookup --set pool.size=16
      bench capacity mine.toml --set load.rate=2000/s --dsn postgresql://app@db.internal/insurance
    """
    planned = plan_capacity(scenario, read_overrides(settings, (), None, budgets), confirmations, quick=quick)
    if planned.raw.get("sweep"):
        swept = ", ".join(planned.raw["sweep"])
        note(f"the sweep over {swept} is left out: capacity is sought at pool size {planned.scenario.pool.size}")
    request = Request(planned, where, results_root, reports_root, repeatable(sys.argv), resume_command=resume_command())
    with choose_progress() as progress:
        derived = run(request, progress)
    print_outcome(derived, as_json=as_json)
    sys.exit(verdict_code(derived.analysis.verdict.verdict, warn_only=warn_only))
