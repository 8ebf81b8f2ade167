"""`bench down`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bench.cli.options import state_option
from bench.cli.output import json_option, print_json
from bench.environment.embedded import Where, down

if TYPE_CHECKING:
    from pathlib import Path


@click.command("down")
@state_option
@json_option
def command(state_root: Path, *, as_json: bool) -> None:
    """Stop the embedded servers; their data stay. Safe to repeat.

    \b
    Example:
      bench down
    """
    stopped = down(Where(state_root))
    if as_json:
        print_json("environment", {"running": False, "stopped": stopped})
    else:
        click.echo("stopped" if stopped else "nothing was running")
