"""`bench compare`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from bench.cli.gate_options import judging_options, read_question
from bench.cli.gate_table import print_gate
from bench.cli.options import results_option
from bench.cli.output import json_option, verdict_code, warn_only_option
from bench.experiment.gate import compare_runs

if TYPE_CHECKING:
    from pathlib import Path


@click.command("compare")
@click.argument("baseline")
@click.argument("candidate")
@judging_options
@results_option
@warn_only_option
@json_option
def command(
    baseline: str,
    candidate: str,
    *,
    metrics: tuple[str, ...],
    relative: str,
    absolute: str,
    differences: tuple[str, ...],
    results_root: Path,
    warn_only: bool,
    as_json: bool,
) -> None:
    """Tell whether CANDIDATE is worse than BASELINE: regression, improvement, equivalent or inconclusive.

    Both are runs or names of baselines. Budgets do not count here. Needs no database.

    \b
    Example:
      bench compare main latest --metric response_time.p99
    """
    question = read_question(results_root, (), metrics, relative, absolute, differences)
    gated = compare_runs(baseline, candidate, question)
    print_gate(gated, "compare", as_json=as_json)
    sys.exit(verdict_code(gated.result.verdict, warn_only=warn_only))
