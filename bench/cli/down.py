"""`bench down`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bench.cli.options import state_option
from bench.cli.output import json_option, print_json, tell
from bench.environment.abandoned import remove_abandoned
from bench.environment.embedded import Where, down, remove

if TYPE_CHECKING:
    from pathlib import Path


@click.command("down")
@state_option
@click.option(
    "--remove", "remove_data", is_flag=True, help="Remove their data too, and those of checkouts that are gone."
)
@json_option
def command(state_root: Path, *, remove_data: bool, as_json: bool) -> None:
    """Stop the embedded servers; their data stay, unless --remove says otherwise. Safe to repeat.

    Where the servers' account cannot enter this folder, they keep their data below /var/tmp. --remove also removes
    what is there of checkouts that do not exist any more, and names what it does not know.

    \b
    Examples:
      bench down
      bench down --remove
    """
    where = Where(state_root)
    stopped = down(where)
    removed: list[Path] = []
    unknown: list[Path] = []
    if remove_data:
        removed = remove(where)
        abandoned, unknown = remove_abandoned()
        removed += abandoned
    if as_json:
        paths = {"removed": list(map(str, removed)), "unknown": list(map(str, unknown))} if remove_data else {}
        print_json("environment", {"running": False, "stopped": stopped, **paths})
        return
    tell("stopped" if stopped else "nothing was running")
    for path in removed:
        tell(f"removed {path}")
    for path in unknown:
        tell(f"left alone: {path} does not tell which checkout it belongs to")
