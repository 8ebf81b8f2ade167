"""`bench analyse`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from bench.cli.known_names import complete_runs
from bench.cli.options import reports_option, results_option
from bench.cli.output import json_option, verdict_code, warn_only_option
from bench.cli.progress import choose_progress
from bench.cli.summary import judged, print_outcome
from bench.experiment.derive import derive

if TYPE_CHECKING:
    from pathlib import Path


@click.command("analyse")
@click.argument("run", shell_complete=complete_runs)
@results_option
@reports_option
@warn_only_option
@json_option
def command(run: str, *, results_root: Path, reports_root: Path, warn_only: bool, as_json: bool) -> None:
    """Derive measurements, findings, verdict and report of RUN again from its raw data. Needs no database.

    RUN is a run folder, a run id, the beginning of one, or `latest`.

    \b
    Example:
      bench analyse latest
    """
    with choose_progress() as progress:
        derived = derive(run, results_root, reports_root, progress)
    print_outcome(derived, as_json=as_json)
    sys.exit(verdict_code(judged(derived.analysis.verdict), warn_only=warn_only))
