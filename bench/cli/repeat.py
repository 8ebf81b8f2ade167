"""Commands to type again: how a run was started, and how it is taken up. No connection string with a password in it."""

from __future__ import annotations

import re

import click
import psycopg
from click.core import ParameterSource
from psycopg.conninfo import conninfo_to_dict

from bench.cli.options import I_KNOW, LIMITS

ADDRESSES = ("--dsn", "--pooler-dsn", "--pooler-admin-dsn")
HIDDEN = "…"
SECRETS = {"password", "sslpassword"}
KEPT = ("state_root", "pg_bin", "pgbouncer", "dsn", "pooler_dsn", "pooler_admin_dsn", "results_root", "reports_root")
"""Parameters that say where a run takes place; what it does is in its folder."""
UNPASSED = {"i_know": I_KNOW, "limit": LIMITS}
"""Of the same kind, and kept by the context instead of being passed to the command."""
SWARM = ("workers", "is_master", "expected", "wait_s", "bind_host", "bind_port", "web", "web_host", "web_port")
"""The same for `bench swarm`: which workers it takes."""


def repeatable(arguments: list[str]) -> tuple[str, ...]:
    """Return the command to repeat a run, without connection strings, which may hold a password."""
    kept: list[str] = ["bench"]
    hide = False
    for argument in arguments[1:]:
        name, equals, _ = argument.partition("=")
        if hide or _holds_secret(argument):
            kept.append(HIDDEN)
        elif name in ADDRESSES and equals:
            kept.append(f"{name}={HIDDEN}")
        else:
            kept.append(argument)
        hide = not hide and argument in ADDRESSES
    return tuple(kept)


def resume_command() -> tuple[str, ...]:
    """Return what takes up the run of the present command, but for ``--resume`` and its id.

    A connection string is shown as it was given, unless it holds a password.
    """
    context = click.get_current_context()
    parts = ["bench", "swarm" if context.command.name == "swarm" else "run"]
    for parameter in context.command.params:
        name, value = parameter.name or "", context.params.get(parameter.name or "")
        if name in UNPASSED:
            value = context.meta.get(UNPASSED[name])
        given = context.get_parameter_source(name) not in (ParameterSource.DEFAULT, None)
        if name == "limit" and given:
            parts += (word for text in value or () for word in ("--limit", text))
            continue
        if name in (*KEPT, *SWARM, *UNPASSED) and given and value is not None:
            option = max(parameter.opts, key=len)
            parts += (
                [option]
                if value is True
                else [option, _without_password(str(value)) if option in ADDRESSES else str(value)]
            )
    return tuple(parts)


def _without_password(dsn: str) -> str:
    try:
        return HIDDEN if SECRETS & conninfo_to_dict(dsn).keys() else dsn
    except psycopg.ProgrammingError:  # attaching will say what is wrong with it
        return HIDDEN


def _holds_secret(argument: str) -> bool:
    """Tell a connection string with a password wherever it stands, as in ``--against``."""
    return "password=" in argument or re.search(r"://[^/?#@]*:[^/?#]*@", argument) is not None
