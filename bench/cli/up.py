"""`bench up`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bench.cli.options import server_options
from bench.cli.output import json_option, note, print_json, tell
from bench.environment.embedded import Where, describe, up

if TYPE_CHECKING:
    from pathlib import Path


@click.command("up")
@server_options
@json_option
def command(state_root: Path, pg_bin: Path | None, pgbouncer: Path | None, *, as_json: bool) -> None:
    """Start the embedded PostgreSQL and pgBouncer and leave them running. Safe to repeat.

    \b
    Example:
      bench up && eval "$(bench env)" && psql "$BENCH_POOLER_DSN"
    """
    environment = up(Where(state_root, pg_bin, pgbouncer))
    for line in environment.notes:
        note(line)
    server, pooler = environment.postgres, environment.pooler
    if as_json:
        print_json("environment", describe(environment))
        return
    tell(f"PostgreSQL {server.version} on 127.0.0.1:{server.port}, database {environment.admin.dbname}")
    tell(f"pgBouncer {'.'.join(map(str, pooler.version))} on 127.0.0.1:{pooler.port}, {pooler.settings.mode} pooling")
    tell('Connection strings: eval "$(bench env)". Stop with `bench down`.')
