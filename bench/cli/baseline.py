"""`bench baseline`: set, list, show, remove."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click
import msgspec

from bench.cli.known_names import complete_baselines, complete_runs
from bench.cli.options import results_option
from bench.cli.output import json_option, print_json, tell
from bench.experiment.sides import read_side
from bench.store.baselines import Baseline, find_baseline, list_baselines, remove_baseline, set_baseline
from bench.store.runs import open_run

if TYPE_CHECKING:
    from pathlib import Path


@click.group("baseline")
def command() -> None:
    """Give runs names that gates compare with. They are kept in baselines.toml beside the runs.

    \b
    Example:
      bench baseline set main latest
    """


@command.command("set")
@click.argument("name")
@click.argument("run", shell_complete=complete_runs)
@click.option("--note", default="", help="A remark to keep with it.")
@results_option
@json_option
def set_command(name: str, run: str, *, note: str, results_root: Path, as_json: bool) -> None:
    """Let NAME stand for RUN (a folder, an id, the beginning of one, or `latest`). The run must be finished and valid.

    \b
    Example:
      bench baseline set main latest --note "before the index change"
    """
    side = read_side(run, results_root)
    facts = open_run(run, results_root).facts
    now = datetime.now(UTC).isoformat(timespec="seconds")
    baseline = Baseline(run=side.run_id, scenario=facts.scenario, commit=facts.commit, set_utc=now, note=note)
    before = set_baseline(name, baseline, results_root)
    if as_json:
        print_json("baseline", {"name": name, **msgspec.to_builtins(baseline), "replaced": before and before.run})
        return
    tell(f"{name} is {side.run_id}" + (f" (was {before.run})" if before else ""))


@command.command("list")
@results_option
@json_option
def list_command(*, results_root: Path, as_json: bool) -> None:
    """List all baselines.

    \b
    Example:
      bench baseline list
    """
    known = list_baselines(results_root)
    if as_json:
        rows = [{"name": name, **msgspec.to_builtins(baseline)} for name, baseline in known.items()]
        print_json("baselines", {"baselines": rows})
        return
    for name, baseline in known.items():
        tell(f"{name}  {baseline.run}  {baseline.scenario}  set {baseline.set_utc}  {baseline.note}".rstrip())
    if not known:
        tell("no baseline was set yet")


@command.command("show")
@click.argument("name", shell_complete=complete_baselines)
@results_option
@json_option
def show_command(name: str, *, results_root: Path, as_json: bool) -> None:
    """Show what NAME stands for.

    \b
    Example:
      bench baseline show main
    """
    baseline = find_baseline(name, results_root)
    path = open_run(baseline.run, results_root).path
    if as_json:
        print_json("baseline", {"name": name, **msgspec.to_builtins(baseline), "path": str(path)})
        return
    for field, value in msgspec.to_builtins(baseline).items():
        if value:
            tell(f"{field:<9} {value}")
    tell(f"{'path':<9} {path}")


@command.command("remove")
@click.argument("name", shell_complete=complete_baselines)
@results_option
@json_option
def remove_command(name: str, *, results_root: Path, as_json: bool) -> None:
    """Forget NAME; the run it stood for stays.

    \b
    Example:
      bench baseline remove main
    """
    removed = remove_baseline(name, results_root)
    if as_json:
        print_json("baseline", {"name": name, "removed": removed.run})
        return
    tell(f"{name} is forgotten; {removed.run} stays")
