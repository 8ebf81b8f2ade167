"""`bench gate`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from bench.cli.gate_options import conclude, judging_options, output_options, read_outputs, read_question
from bench.cli.options import budget_option, results_option
from bench.cli.output import json_option, verdict_code, warn_only_option
from bench.experiment.gate import gate_run

if TYPE_CHECKING:
    from pathlib import Path


@click.command("gate")
@click.argument("run")
@click.option("--baseline", metavar="NAME", help="Compare with the run of this name (`bench baseline`).")
@budget_option
@judging_options
@output_options
@results_option
@warn_only_option
@json_option
def command(
    run: str,
    *,
    baseline: str | None,
    budgets: tuple[str, ...],
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
    warn_only: bool,
    as_json: bool,
) -> None:
    """Judge RUN by its budgets and, with --baseline, against an earlier run. Needs no database.

    Exits 0 if every line passes, 1 if one fails, 4 if one is inconclusive; 2 or 3 where nothing could be judged. A
    regression must be larger than --relative and --absolute, larger than the noise, and evident.

    \b
    Examples:
      bench gate latest
      bench gate latest --baseline main --junit gate.xml --sarif gate.sarif --github
      bench gate latest --baseline main --budget 'p99(pool_wait) < 5ms' --budget 'plan(base_rate) uses ix_rates_*'
    """
    question = read_question(results_root, budgets, metrics, relative, absolute, differences)
    outputs = read_outputs(junit, sarif, markdown, smaller_is_better, github=github)
    gated = gate_run(run, baseline, question)
    conclude(gated, outputs, question, "gate", as_json=as_json)
    sys.exit(verdict_code(gated.result.verdict, warn_only=warn_only))
