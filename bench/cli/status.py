"""`bench status`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bench.cli.options import state_option
from bench.cli.output import json_option, print_json, tell
from bench.environment.embedded import Where, describe, find_running

if TYPE_CHECKING:
    from pathlib import Path


@click.command("status")
@state_option
@json_option
def command(state_root: Path, *, as_json: bool) -> None:
    """Show whether the embedded servers run, and where.

    \b
    Example:
      bench status --json
    """
    facts = describe(find_running(Where(state_root)) if state_root.is_dir() else None)
    if as_json:
        print_json("environment", facts)
        return
    if not facts["running"]:
        tell(f"not running (state folder {state_root}); `bench up` starts the servers")
        return
    for name in ("postgresql", "pgbouncer"):
        tell(f"{name} {facts[name]['version']} on 127.0.0.1:{facts[name]['port']}")
    for line in facts["notes"]:
        tell(line)
