"""`bench seed`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bench.cli.options import i_know_option, knows, server_options
from bench.cli.output import json_option, note, print_json, tell
from bench.environment import migrations
from bench.environment.attached import Attachment, attach
from bench.environment.dataset import seed_database
from bench.environment.embedded import Where, session
from bench.environment.safeguard import require_changeable
from bench.model.scenario import Dataset

if TYPE_CHECKING:
    from pathlib import Path

    from bench.environment.dataset import SeedReport


@click.command("seed")
@click.option(
    "--scale",
    type=click.FloatRange(min=0, min_open=True, max=1000),
    default=0.1,
    show_default=True,
    help="1 is about 1 GB.",
)
@click.option("--seed", type=click.IntRange(min=0), default=42, show_default=True, help="Same seed, same data.")
@click.option("--dsn", help="Seed this database instead of the embedded one; it must carry our marker.")
@click.option("--allow-destructive", metavar="DBNAME", help="Replace the data of this unmarked database all the same.")
@i_know_option
@server_options
@json_option
def command(
    scale: float,
    seed: int,
    *,
    dsn: str | None,
    allow_destructive: str | None,
    state_root: Path,
    pg_bin: Path | None,
    pgbouncer: Path | None,
    as_json: bool,
) -> None:
    """Load deterministic data at a scale, in place of what is there. Refuses a database that is not ours.

    \b
    Example:
      bench seed --scale 0.1
    """
    dataset = Dataset(scale=scale, seed=seed)
    if dsn:
        with attach(Attachment(dsn)) as reached:
            require_changeable(reached.admin, "fill", allow_destructive=allow_destructive, i_know=knows())
            report = seed_database(reached.admin, dataset, note, allow_destructive=allow_destructive)
    else:
        with session(Where(state_root, pg_bin, pgbouncer)) as environment:
            migrations.upgrade(environment.admin.dsn())
            report = seed_database(environment.admin, dataset, note)
    _show(report, as_json=as_json)


def _show(report: SeedReport, *, as_json: bool) -> None:
    if as_json:
        print_json("seed", {"rows": report.rows, "bytes": report.bytes, "seconds": report.seconds})
        return
    for table, rows in report.rows.items():
        tell(f"{rows:>12,}  {table}")
    total = sum(report.rows.values())
    megabytes = report.bytes / 1e6
    tell(f"{total:,} rows, {megabytes:,.0f} MB in {report.seconds:.1f} s: {total / report.seconds:,.0f} rows/s")
