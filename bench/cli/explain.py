"""`bench explain`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click
import msgspec

from bench.cli.explain_table import print_explanation, print_indexes
from bench.cli.known_names import complete_scenarios
from bench.cli.options import read_overrides, setting_option, where_options
from bench.cli.output import FAILED, PASSED, json_option, print_json, tell
from bench.cli.progress import choose_progress
from bench.environment.embedded import Where
from bench.experiment.explain import explain_scenario, index_matrix, price_indexes
from bench.experiment.scenario_file import read_scenario
from bench.model.errors import ScenarioError

if TYPE_CHECKING:
    from bench.analysis.tuning.write_cost import WriteCost
    from bench.environment.attached import Attachment


@click.command("explain")
@click.argument("scenarios", metavar="SCENARIO…", nargs=-1, required=True, shell_complete=complete_scenarios)
@click.option("--operation", "wanted", multiple=True, metavar="NAME", help="Only this operation; may be repeated.")
@click.option("--write-cost", is_flag=True, help="Measure what indexes without use cost those who write, in a clone.")
@click.option("--trees", is_flag=True, help="Print each distinct plan as a tree.")
@click.option("--owner-dsn", help="With --dsn: a login that owns the tables or may become their owner.")
@setting_option
@where_options
@json_option
def command(
    scenarios: tuple[str, ...],
    *,
    wanted: tuple[str, ...],
    write_cost: bool,
    trees: bool,
    owner_dsn: str | None,
    settings: tuple[str, ...],
    where: Where | Attachment,
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
    if owner_dsn is not None and isinstance(where, Where):
        raise ScenarioError("`--owner-dsn` needs `--dsn`", remedy="Name the server as the application reaches it too.")
    if write_cost and not isinstance(where, Where):
        raise ScenarioError(
            "`--write-cost` measures in a clone, and an attached server is not ours to clone a database in",
            remedy="Leave `--dsn` out to measure on the embedded server.",
        )
    overrides = read_overrides(settings, (), None)
    planned = [read_scenario(scenario, overrides, quick=False) for scenario in scenarios]
    with choose_progress() as progress:
        explained = [explain_scenario(where, one.scenario, wanted, owner_dsn, progress) for one in planned]
        lines = index_matrix(explained)
        costs: list[WriteCost] = []
        if write_cost and isinstance(where, Where):
            costs = price_indexes(where, planned[0].scenario.dataset, lines, progress)
    if as_json:
        indexes = [msgspec.to_builtins(line) for line in lines]
        document = {"scenarios": [one.document() for one in explained], "indexes": indexes}
        print_json("explain", {**document, "write_costs": msgspec.to_builtins(costs)})
    else:
        for one in explained:
            print_explanation(one, trees=trees)
        if lines:
            print_indexes(lines)
        for cost in costs:
            tell(f" {cost.words}")
    severe = any(finding.severity == "high" for one in explained for finding in one.findings)
    sys.exit(FAILED if severe else PASSED)
