"""`bench env`."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import click

from bench.cli.options import state_option
from bench.cli.output import json_option, print_json
from bench.environment.embedded import Where, find_running
from bench.model.errors import SetupError

if TYPE_CHECKING:
    from pathlib import Path


@click.command("env")
@state_option
@json_option
def command(state_root: Path, *, as_json: bool) -> None:
    """Print shell exports with the connection strings of the running servers. They hold passwords.

    \b
    Example:
      eval "$(bench env)" && psql "$BENCH_POOLER_DSN" -c 'SELECT 1'
    """
    environment = find_running(Where(state_root)) if state_root.is_dir() else None
    if environment is None:
        raise SetupError(f"no embedded servers run in {state_root}", remedy="Start them with `bench up`.")
    exports = environment.exports()
    if as_json:
        print_json("env", exports)
        return
    for name, value in exports.items():
        click.echo(f"export {name}={shlex.quote(value)}")
