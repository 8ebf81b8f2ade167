"""`bench plan`."""

from __future__ import annotations

import click

from bench.cli.known_names import complete_scenarios
from bench.cli.options import override_options, read_overrides
from bench.cli.output import json_option, print_json
from bench.cli.progress import describe
from bench.experiment.scenario_file import read_scenario


@click.command("plan")
@click.argument("scenario", shell_complete=complete_scenarios)
@click.option("--quick", is_flag=True, help="Shorter windows and fewer replicates, as `bench run --quick`.")
@override_options
@json_option
def command(
    scenario: str,
    *,
    quick: bool,
    settings: tuple[str, ...],
    sweeps: tuple[str, ...],
    replicates: int | None,
    as_json: bool,
) -> None:
    """Print the trials of SCENARIO in the order they would run, and the estimated time. Runs nothing.

    \b
    Example:
      bench plan scenarios/rating_lookup.toml --sweep pool.size=1,2,4..32
    """
    planned = read_scenario(scenario, read_overrides(settings, sweeps, replicates), quick=quick)
    plan = planned.plan
    if as_json:
        trials = [{"id": trial.id, "block": trial.block, "treatment": trial.treatment} for trial in plan.trials]
        print_json("plan", {"scenario": plan.scenario, "estimated_s": plan.estimated_s, "trials": trials})
        return
    click.echo(f"{plan.scenario}: {len(plan.treatments)} treatments x {plan.replicates} replicates")
    for trial in plan.trials:
        click.echo(f"  {trial.id}  {describe(trial.treatment)}")
    click.echo(f"{len(plan.trials)} trials, about {plan.estimated_s / 60:.1f} minutes")
