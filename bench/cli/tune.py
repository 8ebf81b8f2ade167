"""`bench tune`."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

import click

from bench.cli.known_names import complete_scenarios
from bench.cli.options import (
    read_overrides,
    reports_option,
    results_option,
    setting_option,
    where_options,
)
from bench.cli.output import json_option, verdict_code, warn_only_option
from bench.cli.progress import choose_progress
from bench.cli.repeat import repeatable
from bench.cli.summary import judged
from bench.cli.tuning_table import print_tuning
from bench.experiment.run import Request
from bench.experiment.tune import Tune, tune
from bench.experiment.tune_plan import plan_tune
from bench.model.errors import ScenarioError
from bench.model.units import Duration

if TYPE_CHECKING:
    from pathlib import Path

    from bench.environment.attached import Attachment
    from bench.environment.embedded import Where


@click.command("tune")
@click.argument("scenario", shell_complete=complete_scenarios)
@click.option("--quick", is_flag=True, help="Shorter windows; says what it cannot claim.")
@click.option(
    "--budget", default="10m", show_default=True, metavar="TIME", help="When to stop measuring, such as 90s or 10m."
)
@click.option("--only", multiple=True, metavar="PATTERN", help="Try only candidates with this in their title.")
@setting_option
@where_options
@results_option
@reports_option
@warn_only_option
@json_option
def command(
    scenario: str,
    *,
    quick: bool,
    budget: str,
    only: tuple[str, ...],
    settings: tuple[str, ...],
    where: Where | Attachment,
    results_root: Path,
    reports_root: Path,
    warn_only: bool,
    as_json: bool,
) -> None:
    """Find out what would help SCENARIO, by how much, and prove it.

    The scenario's own values are the start. A first look at a few pool sizes gives the ideas; each is then applied
    alone and measured against the start in interleaved pairs, until the interval decides or the budget ends; what is
    proven is measured together. Nothing stays applied.

    \b
    Examples:
      bench tune rating_lookup
      bench tune rating_lookup --set pool.size=2 --budget 5m --json
      bench tune rating_lookup --only pool.size --only 'CREATE INDEX'
    """
    planned = plan_tune(scenario, read_overrides(settings, (), None), quick=quick)
    request = Request(planned, where, results_root, reports_root, repeatable(sys.argv))
    with choose_progress() as progress:
        derived = tune(Tune(request, _seconds(budget), only), progress)
    print_tuning(derived, as_json=as_json)
    sys.exit(verdict_code(judged(derived.analysis.verdict), warn_only=warn_only))


def _seconds(text: str) -> float:
    try:
        return Duration.parse(re.sub(r"(?<=\d)m$", "min", text)).seconds  # 10m is what people type
    except ValueError as error:
        raise ScenarioError(f"`--budget {text}`: {error}", remedy="Write for example `--budget 10m`.") from None
