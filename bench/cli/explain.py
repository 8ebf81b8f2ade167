"""`bench explain`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click
import msgspec
from rich.console import Console
from rich.table import Table

from bench.cli.options import attach_options, override_options, read_overrides, read_where, server_options
from bench.cli.output import FAILED, PASSED, json_option, print_json
from bench.cli.progress import choose_progress
from bench.experiment.explain import explain_scenario, index_matrix
from bench.experiment.scenario_file import read_scenario
from bench.model.errors import ScenarioError
from bench.report.numbers import quantity

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bench.analysis.index_use import IndexUse
    from bench.experiment.explain import Explanation


@click.command("explain")
@click.argument("scenarios", metavar="SCENARIO…", nargs=-1, required=True)
@click.option("--operation", "wanted", multiple=True, metavar="NAME", help="Only this operation; may be repeated.")
@click.option("--owner-dsn", help="With --dsn: a login that owns the tables or may become their owner.")
@override_options
@server_options
@attach_options
@json_option
def command(
    scenarios: tuple[str, ...],
    *,
    wanted: tuple[str, ...],
    owner_dsn: str | None,
    settings: tuple[str, ...],
    sweeps: tuple[str, ...],
    replicates: int | None,
    state_root: Path,
    pg_bin: Path | None,
    pgbouncer: Path | None,
    dsn: str | None,
    pooler_dsn: str | None,
    pooler_admin_dsn: str | None,
    as_json: bool,
) -> None:
    """Show the plans of every operation, from each side, what is wrong with them, and which indexes they use.

    Each step runs under EXPLAIN (ANALYZE, BUFFERS) in a transaction that is rolled back: as the load's role, as the
    owner of the tables and, under row-level security, as a foreign tenant; with the values known, unknown, and as the
    server chooses at the fifth and sixth execution. Exit code 1 if a finding is severe.

    \b
    Examples:
      bench explain rating_lookup
      bench explain rating_lookup vehicle_search --json
      bench explain mine.toml --operation search --dsn postgresql://app@db.internal/insurance --json
    """
    if owner_dsn is not None and dsn is None:
        raise ScenarioError("`--owner-dsn` needs `--dsn`", remedy="Name the server as the application reaches it too.")
    where = read_where(state_root, pg_bin, pgbouncer, (dsn, pooler_dsn, pooler_admin_dsn))
    overrides = read_overrides(settings, sweeps, replicates)
    planned = [read_scenario(scenario, overrides, quick=False) for scenario in scenarios]
    with choose_progress() as progress:
        explained = [explain_scenario(where, one.scenario, wanted, owner_dsn, progress) for one in planned]
    lines = index_matrix(explained)
    if as_json:
        indexes = [msgspec.to_builtins(line) for line in lines]
        print_json("explain", {"scenarios": [one.document() for one in explained], "indexes": indexes})
    else:
        for one in explained:
            _print_explanation(one)
        if lines:
            _print_indexes(lines)
    severe = any(finding.severity == "high" for one in explained for finding in one.findings)
    sys.exit(FAILED if severe else PASSED)


def _print_explanation(explained: Explanation) -> None:
    for card in explained.cards:
        click.secho(f"\n{card.title}", bold=True)
        click.echo(f"  {'; '.join(card.tags)}")
        for name, value in card.facts:
            click.echo(f"  {name}: {value}")
        for line in card.tree.splitlines():
            click.echo(f"    {line}")
    for caveat in explained.caveats:
        click.echo(f"\ncaveat   {caveat.text}\n         {caveat.cure}")
    for finding in explained.findings:
        click.secho(f"\n{finding.severity:<8} {finding.rule}: {finding.summary}", bold=finding.severity == "high")
        click.echo(f"         {finding.remedy}")
        if finding.patch is not None:
            for line in finding.patch.text.strip().splitlines():
                click.echo(f"         {line}")
    if not explained.findings:
        click.echo("\nnothing to find fault with")


def _print_indexes(lines: Sequence[IndexUse]) -> None:
    table = Table("index", "table", "used by", "scans so far", "size", "state", box=None, title_justify="left")
    for line in lines:
        used = ", ".join(f"{name} {part}/{whole}" for name, (part, whole) in line.plans.items())
        state = f"{line.state}: {line.covered_by}" if line.covered_by else line.state
        size = quantity(line.index.size_bytes, "bytes")
        table.add_row(line.index.name, line.index.table, used, f"{line.index.scans:,}", size, state)
    click.echo("")
    Console(width=None if sys.stdout.isatty() else 200).print(table)
