"""Options that several commands share."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.environment.attached import Attachment
from bench.environment.embedded import Where
from bench.model.errors import ScenarioError
from bench.model.levels import parse_setting, parse_sweep
from bench.model.limits import Limits
from bench.model.scenario_text import Overrides

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def stack(*options: Callable[[Callable[..., Any]], Callable[..., Any]]) -> Callable[..., Callable[..., Any]]:
    """Join options into one decorator."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


_FOLDER = click.Path(file_okay=False, path_type=Path)

results_option = click.option(
    "--results", "results_root", type=_FOLDER, default=Path("results"), show_default=True, help="Folder of run folders."
)
reports_option = click.option(
    "--reports",
    "reports_root",
    type=_FOLDER,
    default=Path("reports"),
    show_default=True,
    help="Folder of HTML reports.",
)
state_option = click.option(
    "--state",
    "state_root",
    type=_FOLDER,
    default=Path(".bench"),
    show_default=True,
    help="Folder of the embedded environment.",
)
server_options = stack(
    state_option,
    click.option(
        "--pg-bin", type=click.Path(path_type=Path), help="Folder of another PostgreSQL's binaries (14 to 18)."
    ),
    click.option("--pgbouncer", type=click.Path(path_type=Path), help="Another pgBouncer binary."),
)
I_KNOW, LIMITS = "bench.i_know", "bench.limits"
"""Where the command line's context keeps what protects an attached database; the commands need not pass it on."""


def _keep(place: str) -> Callable[[click.Context, click.Parameter, Any], None]:
    def keep(context: click.Context, parameter: click.Parameter, value: Any) -> None:
        del parameter
        context.meta[place] = value

    return keep


i_know_option = click.option(
    "--i-know",
    is_flag=True,
    expose_value=False,
    callback=_keep(I_KNOW),
    help="Go on although the attached database looks like production.",
)
attach_options = stack(
    click.option("--dsn", help="Attach to this server (no password in it: use PGPASSFILE, PGPASSWORD or a service)."),
    click.option("--pooler-dsn", help="Attach to this pooler for the load."),
    click.option("--pooler-admin-dsn", help="The pooler's admin console, for its counters."),
    click.option(
        "--limit",
        multiple=True,
        metavar="KEY=VALUE",
        expose_value=False,
        callback=_keep(LIMITS),
        help="What an attached database without our marker is spared: connections=20 (else half of the free ones), "
        "rate=500/s (else 1000/s), statement_timeout=10s (else 30s), read_only=off (for reads that write).",
    ),
    i_know_option,
)
setting_option = click.option(
    "--set", "settings", multiple=True, metavar="KEY=VALUE", help="Override a value: pool.size=8."
)
budget_option = click.option(
    "--budget",
    "budgets",
    multiple=True,
    metavar="BUDGET",
    help="A budget beside the scenario's own: 'p95 < 50ms', 'buffers(lookup) <= 8'.",
)
override_options = stack(
    setting_option,
    click.option(
        "--sweep", "sweeps", multiple=True, metavar="KEY=LEVELS", help="Sweep a value: pool.size=1,2,4..32 (doubling)."
    ),
    click.option("--replicates", type=click.IntRange(min=1), help="Replicates of each treatment."),
)


def read_overrides(
    settings: Iterable[str], sweeps: Iterable[str], replicates: int | None, budgets: Iterable[str] = ()
) -> Overrides:
    """Turn the options into overrides; raises ``ScenarioError`` for a malformed one."""
    values = dict(parse_setting(text) for text in settings)
    if replicates is not None:
        values["run.replicates"] = replicates
    return Overrides(values, dict(parse_sweep(text) for text in sweeps), tuple(budgets))


def knows() -> bool:
    """Tell whether the user says that what looks like production may be touched."""
    return bool(click.get_current_context().meta.get(I_KNOW))


def _read_limits() -> Limits:
    texts = click.get_current_context().meta.get(LIMITS, ())
    try:
        return Limits.parse(texts, i_know=knows())
    except ValueError as error:
        raise ScenarioError(f"`--limit`: {error}", remedy="Write for example `--limit connections=20`.") from None


def where_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that name servers, ours or somebody else's; the command gets what they name as ``where``."""

    @functools.wraps(function)
    def command(
        *arguments: Any,
        state_root: Path,
        pg_bin: Path | None,
        pgbouncer: Path | None,
        dsn: str | None,
        pooler_dsn: str | None,
        pooler_admin_dsn: str | None,
        **others: Any,
    ) -> Any:
        where: Where | Attachment = Where(state_root, pg_bin, pgbouncer)
        if dsn is not None:
            where = Attachment(dsn, pooler_dsn, pooler_admin_dsn, _read_limits())
        elif pooler_dsn or pooler_admin_dsn:
            raise ScenarioError("`--pooler-dsn` needs `--dsn`", remedy="Name the server as well, for its counters.")
        return function(*arguments, where=where, **others)

    return stack(server_options, attach_options)(command)
