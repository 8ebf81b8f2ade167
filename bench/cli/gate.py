"""`bench gate`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from bench.cli.gate_options import conclude, judging_options, output_options, read_outputs, read_question
from bench.cli.known_names import complete_baselines, complete_runs_or_scenarios
from bench.cli.options import (
    budget_option,
    read_overrides,
    reports_option,
    results_option,
    setting_option,
    where_options,
)
from bench.cli.output import json_option, verdict_code, warn_only_option
from bench.cli.progress import choose_progress
from bench.cli.repeat import repeatable
from bench.experiment.gate import Rerun, gate_run
from bench.experiment.interleave import PAIRS, Duel, gate_against

if TYPE_CHECKING:
    from pathlib import Path

    from bench.environment.attached import Attachment
    from bench.environment.embedded import Where


@click.command("gate")
@click.argument("run", shell_complete=complete_runs_or_scenarios)
@click.option(
    "--baseline",
    metavar="NAME",
    shell_complete=complete_baselines,
    help="Compare with the run of this name (`bench baseline`).",
)
@click.option(
    "--against",
    metavar="GITREF|WHEEL|DSN",
    help="RUN is a scenario: measure it here and there in one job, interleaved, and compare.",
)
@click.option(
    "--pairs", type=click.IntRange(2, 100), default=PAIRS, show_default=True, help="With --against: pairs of blocks."
)
@click.option(
    "--rerun/--no-rerun",
    default=None,
    help="Measure again before a failure counts. With --against it is on; a stored run needs its servers for it.",
)
@budget_option
@setting_option
@judging_options
@output_options
@where_options
@results_option
@reports_option
@warn_only_option
@json_option
def command(
    run: str,
    *,
    baseline: str | None,
    against: str | None,
    pairs: int,
    rerun: bool | None,
    budgets: tuple[str, ...],
    settings: tuple[str, ...],
    metrics: tuple[str, ...],
    relative: str,
    absolute: str,
    differences: tuple[str, ...],
    junit: Path | None,
    sarif: Path | None,
    markdown: Path | None,
    smaller_is_better: Path | None,
    github: bool,
    where: Where | Attachment,
    results_root: Path,
    reports_root: Path,
    warn_only: bool,
    as_json: bool,
) -> None:
    """Judge RUN by its budgets and, with --baseline, against an earlier run. Needs no database.

    With --against RUN is a scenario, which is measured on both sides in one job, in the order A B B A: the only honest
    way on a shared machine. Exits 0 if every line passes, 1 if one fails, 4 if one is inconclusive; 2 or 3 where
    nothing could be judged. A regression must be larger than --relative and --absolute, larger than the noise, and
    evident.

    \b
    Examples:
      bench gate latest
      bench gate latest --baseline main --junit gate.xml --sarif gate.sarif --github
      bench gate latest --budget 'p99(pool_wait) < 5ms' --budget 'plan(base_rate) uses ix_rates_*'
      bench gate scenarios/rating_lookup.toml --against origin/main --set pool.size=8
    """
    question = read_question(results_root, budgets, metrics, relative, absolute, differences)
    outputs = read_outputs(junit, sarif, markdown, smaller_is_better, github=github)
    with choose_progress() as progress:
        if against is not None:
            if baseline is not None:
                raise click.UsageError("--baseline and --against exclude each other", click.get_current_context())
            duel = Duel(
                scenario=run,
                against=against,
                where=where,
                overrides=read_overrides(settings, (), None),
                settings=settings,
                pairs=pairs,
                rerun=rerun is not False,
            )
            gated = gate_against(duel, question, progress)
        else:
            if settings:
                raise click.UsageError(
                    "--set belongs to --against: a stored run is as it is", click.get_current_context()
                )
            again = Rerun(where, reports_root, repeatable(sys.argv)) if rerun else None
            gated = gate_run(run, baseline, question, again, progress)
    conclude(gated, outputs, question, "gate", as_json=as_json)
    sys.exit(verdict_code(gated.result.verdict, warn_only=warn_only))
