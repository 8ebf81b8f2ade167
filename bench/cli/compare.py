"""`bench compare`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from bench.cli.gate_options import conclude, judging_options, output_options, read_outputs, read_question
from bench.cli.known_names import complete_runs_or_baselines
from bench.cli.options import reports_option, results_option
from bench.cli.output import json_option, verdict_code, warn_only_option
from bench.experiment.gate import compare_runs

if TYPE_CHECKING:
    from pathlib import Path


@click.command("compare")
@click.argument("baseline", shell_complete=complete_runs_or_baselines)
@click.argument("candidate", shell_complete=complete_runs_or_baselines)
@judging_options
@output_options
@results_option
@reports_option
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
    junit: Path | None,
    sarif: Path | None,
    markdown: Path | None,
    smaller_is_better: Path | None,
    github: bool,
    results_root: Path,
    reports_root: Path,
    warn_only: bool,
    as_json: bool,
) -> None:
    """Tell whether CANDIDATE is worse than BASELINE: regression, improvement, equivalent or inconclusive.

    Both are runs or names of baselines. Budgets do not count here. The comparison is written as a page too, the largest
    changes first. Needs no database.

    \b
    Example:
      bench compare main latest --metric response_time.p99
    """
    question = read_question(results_root, (), metrics, relative, absolute, differences)
    outputs = read_outputs(junit, sarif, markdown, smaller_is_better, github=github)
    gated = compare_runs(baseline, candidate, question, reports_root)
    conclude(gated, outputs, question, "compare", as_json=as_json)
    sys.exit(verdict_code(gated.result.verdict, warn_only=warn_only))
