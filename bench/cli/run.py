"""`bench run`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from bench.cli.options import (
    attach_options,
    override_options,
    read_overrides,
    reports_option,
    results_option,
    server_options,
)
from bench.cli.output import json_option, verdict_code, warn_only_option
from bench.cli.progress import choose_progress
from bench.cli.summary import print_outcome
from bench.environment.attached import Attachment
from bench.environment.embedded import Where
from bench.experiment.run import Request, run
from bench.experiment.scenario_file import read_scenario
from bench.model.errors import ScenarioError

if TYPE_CHECKING:
    from pathlib import Path


@click.command("run")
@click.argument("scenario")
@click.option(
    "--quick", is_flag=True, help="About a minute: fewer replicates and shorter windows; says what it cannot claim."
)
@override_options
@server_options
@attach_options
@results_option
@reports_option
@warn_only_option
@json_option
def command(
    scenario: str,
    *,
    quick: bool,
    settings: tuple[str, ...],
    sweeps: tuple[str, ...],
    replicates: int | None,
    state_root: Path,
    pg_bin: Path | None,
    pgbouncer: Path | None,
    dsn: str | None,
    pooler_dsn: str | None,
    pooler_admin_dsn: str | None,
    results_root: Path,
    reports_root: Path,
    warn_only: bool,
    as_json: bool,
) -> None:
    r"""Run SCENARIO (a file, or the name of a shipped one) or its sweep, then analyse and report.

    Without --dsn it brings up the embedded PostgreSQL and pgBouncer, migrates and seeds them, and stops them at the
    end, unless `bench up` started them.

    \b
    Examples:
      bench run scenarios/rating_lookup.toml --quick
      bench run rating_lookup --set load.clients=50 --sweep pool.size=1,2,4..32
      bench run mine.toml --dsn postgresql://app@db.internal/insurance
    """
    if dsn is None and (pooler_dsn or pooler_admin_dsn):
        raise ScenarioError("`--pooler-dsn` needs `--dsn`", remedy="Name the server as well, for its counters.")
    planned = read_scenario(scenario, read_overrides(settings, sweeps, replicates), quick=quick)
    where = Attachment(dsn, pooler_dsn, pooler_admin_dsn) if dsn else Where(state_root, pg_bin, pgbouncer)
    with choose_progress() as progress:
        derived = run(Request(planned, where, results_root, reports_root, _repeatable(sys.argv)), progress)
    print_outcome(derived, as_json=as_json)
    sys.exit(verdict_code(derived.analysis.verdict.verdict, warn_only=warn_only))


def _repeatable(arguments: list[str]) -> tuple[str, ...]:
    """Return the command to repeat the run, without connection strings, which may hold a password."""
    kept: list[str] = ["bench"]
    hide = False
    for argument in arguments[1:]:
        name, equals, _ = argument.partition("=")
        if hide:
            kept.append("…")
        elif name in ("--dsn", "--pooler-dsn", "--pooler-admin-dsn") and equals:
            kept.append(f"{name}=…")
        else:
            kept.append(argument)
        hide = not hide and argument in ("--dsn", "--pooler-dsn", "--pooler-admin-dsn")
    return tuple(kept)
