"""`bench plan`."""

from __future__ import annotations

import click

from bench.analysis.wording import count
from bench.cli.known_names import complete_scenarios
from bench.cli.options import override_options, read_overrides
from bench.cli.output import json_option, print_json, tell
from bench.cli.rarity import print_rare, treatments_of
from bench.design.expectation import find_rare, tell_hardest
from bench.experiment.scenario_file import read_scenario
from bench.report.numbers import rough_span
from bench.report.words import describe


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

    Operations of a mix that would run too rarely for a percentile are named, with the window that is enough.

    \b
    Example:
      bench plan scenarios/rating_lookup.toml --sweep pool.size=1,2,4..32
    """
    planned = read_scenario(scenario, read_overrides(settings, sweeps, replicates), quick=quick)
    plan = planned.plan
    first = treatments_of(planned)
    rare = find_rare(first)
    if as_json:
        trials = [{"id": trial.id, "block": trial.block, "treatment": trial.treatment} for trial in plan.trials]
        rarest = [
            {
                "operation": one.at_worst.operation,
                "executions": one.at_worst.executions,
                "statistic": one.at_worst.statistic,
                "needed": one.at_worst.needed,
                "window": str(one.at_worst.needed_window),
            }
            for one in rare
        ]
        print_json(
            "plan", {"scenario": plan.scenario, "estimated_s": plan.estimated_s, "trials": trials, "rare": rarest}
        )
        return
    tell(f"{plan.scenario}: {count(len(plan.treatments), 'treatment')} x {count(plan.replicates, 'replicate')}")
    for trial in plan.trials:
        tell(f"  {trial.id}  {describe(trial.treatment)}")
    tell(f"{count(len(plan.trials), 'trial')}, about {rough_span(plan.estimated_s)}")
    print_rare(rare)
    if hardest := tell_hardest(first):
        tell(hardest)
