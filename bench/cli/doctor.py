"""`bench doctor`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from bench.cli.options import server_options
from bench.cli.output import COULD_NOT_RUN, json_option, print_json, tell
from bench.environment.doctor import diagnose
from bench.environment.embedded import Where

if TYPE_CHECKING:
    from pathlib import Path

_SIGNS = {"ok": ("ok  ", "green"), "warn": ("warn", "yellow"), "fail": ("FAIL", "red")}


@click.command("doctor")
@server_options
@json_option
def command(state_root: Path, pg_bin: Path | None, pgbouncer: Path | None, *, as_json: bool) -> None:
    """Show what this machine can do, each problem with its cure. Exits 3 if something needed is missing.

    \b
    Example:
      bench doctor
    """
    checks = diagnose(Where(state_root, pg_bin, pgbouncer))
    if as_json:
        rows = [{name: getattr(check, name) for name in check.__struct_fields__} for check in checks]
        print_json("doctor", {"checks": rows})
    else:
        for check in checks:
            sign, colour = _SIGNS[check.status]
            tell(f"{click.style(sign, fg=colour)}  {check.name}: {check.evidence}")
            if check.remedy:
                tell(f"      cure: {check.remedy}")
    if any(check.status == "fail" for check in checks):
        sys.exit(COULD_NOT_RUN)
