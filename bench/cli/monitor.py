"""`bench monitor`."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.live import Live

from bench.cli.monitor_view import line, show
from bench.cli.options import state_option
from bench.cli.output import json_option, note, print_json, tell, verdict_code, warn_only_option
from bench.environment.attached import Attachment
from bench.environment.embedded import Where
from bench.environment.health.watch import read_thresholds, shipped_thresholds
from bench.experiment.exposition import HOST, serve_metrics
from bench.experiment.monitor import open_monitor
from bench.model.errors import ScenarioError
from bench.model.units import Duration

if TYPE_CHECKING:
    from bench.experiment.monitor import Monitor


def _duration(context: click.Context, parameter: click.Parameter, value: str) -> float:
    del context
    try:
        seconds = Duration.parse(value).seconds
    except ValueError as error:
        raise click.BadParameter(str(error), param=parameter) from None
    if not seconds:
        raise click.BadParameter("the servers need a moment between two readings", param=parameter)
    return seconds


@click.command("monitor")
@click.option("--dsn", help="This server instead of the embedded one (no password in it: use PGPASSFILE, PGPASSWORD).")
@click.option("--pooler-admin-dsn", help="The pooler's admin console; a user in `stats_users` is enough.")
@click.option(
    "--thresholds",
    "thresholds_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Limits of your own (TOML), laid over the shipped ones.",
)
@click.option("--print-thresholds", is_flag=True, help="Print the shipped limits with their reasons, to copy from.")
@click.option("--interval", default="2s", show_default=True, callback=_duration, help="Between two readings.")
@click.option("--once", is_flag=True, help="Read twice, an interval apart, print and exit: 1 if anything alerts.")
@click.option(
    "--prometheus", "port", type=click.IntRange(0, 65535), help=f"Serve metrics on {HOST}:PORT; 0 takes a free port."
)
@state_option
@warn_only_option
@json_option
def command(
    *,
    dsn: str | None,
    pooler_admin_dsn: str | None,
    thresholds_file: Path | None,
    print_thresholds: bool,
    interval: float,
    once: bool,
    port: int | None,
    state_root: Path,
    warn_only: bool,
    as_json: bool,
) -> None:
    """Watch pool and database health, with alerts; changes nothing.

    Without --dsn, the servers of `bench up`. A role with pg_monitor sees everything; what a lesser one cannot see is
    said. Without a terminal, prints a line when an alert appears or clears.

    \b
    Examples:
      bench monitor
      bench monitor --once --json || notify
      bench monitor --dsn postgresql://watcher@host/db --pooler-admin-dsn "host=host port=6432 dbname=pgbouncer"
      bench monitor --prometheus 9187
    """
    if print_thresholds:
        click.echo(shipped_thresholds(), nl=False)
        return
    if as_json and not once:
        raise click.UsageError("--json prints one document: add --once", click.get_current_context())
    if once and port is not None:
        raise click.UsageError("--prometheus serves until it is ended: leave out --once", click.get_current_context())
    if pooler_admin_dsn and not dsn:
        raise ScenarioError("`--pooler-admin-dsn` needs `--dsn`", remedy="Name the server as well.")
    where = Attachment(dsn, console_dsn=pooler_admin_dsn) if dsn else Where(state_root)
    with open_monitor(where, read_thresholds(thresholds_file)) as monitor:
        if once:
            _once(monitor, interval, warn_only=warn_only, as_json=as_json)
        with contextlib.suppress(KeyboardInterrupt), contextlib.ExitStack() as stack:  # Ctrl-C is how it ends
            monitor.step()  # what cannot be reached is told before anything is served
            if port is not None:
                note(f"metrics at http://{HOST}:{stack.enter_context(serve_metrics(monitor, port))}/metrics")
            _watch(monitor, interval)


def _once(monitor: Monitor, interval: float, *, warn_only: bool, as_json: bool) -> None:
    observed = monitor.twice(interval)
    if as_json:
        print_json("health", observed.document())
    else:
        Console(highlight=False).print(show(observed, live=False))
    sys.exit(verdict_code(observed.verdict, warn_only=warn_only))


def _watch(monitor: Monitor, interval: float) -> None:
    console = Console(highlight=False)
    first = monitor.latest
    if not console.is_terminal:
        for alert in first.alerts if first else ():
            tell(line(alert, alert.severity))
        for observed in monitor.steps(interval):
            for alert in observed.appeared:
                tell(line(alert, alert.severity))
            for alert in observed.cleared:
                tell(line(alert, "cleared"))
            sys.stdout.flush()
        return
    with Live(console=console, screen=True, auto_refresh=False) as live:
        for observed in monitor.steps(interval):
            live.update(show(observed, live=True), refresh=True)
