"""`bench config`."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from bench.analysis.configuration.inputs import Inputs
from bench.analysis.configuration.setting import MIB, read_amount
from bench.cli.options import results_option, server_options
from bench.cli.output import FAILED, json_option, note, print_json
from bench.environment.embedded import Where
from bench.environment.pooler_binary import find_pgbouncer, version_of
from bench.experiment.configure import RECOMMEND, THIS_MACHINE, read_facts, verify
from bench.model.errors import ScenarioError
from bench.model.units import Duration
from bench.report.configuration import render_configuration

if TYPE_CHECKING:
    from bench.analysis.configuration.setting import Configuration
    from bench.experiment.configure import Verified

_LEAST_MEMORY = 64 * MIB
_POSITIVE = click.IntRange(min=1)


def _bytes(name: str, text: str | None) -> int | None:
    if text is None:
        return None
    amount = read_amount(text) if re.search(r"[kMGT]B$", text.strip()) else None
    if amount is None or amount <= 0:
        raise ScenarioError(f"`--{name} {text}` is no size", remedy=f"Write it with its unit: `--{name} 8GB`.")
    return int(amount)


def _seconds(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        return Duration.parse(text).seconds
    except ValueError as error:
        raise ScenarioError(f"`--budget`: {error}", remedy="Write `--budget 100ms`.") from None


@click.command("config")
@click.argument("target", type=click.Choice(list(RECOMMEND)))
@click.option(
    "--for",
    "facts",
    default=THIS_MACHINE,
    show_default=True,
    metavar="FACTS",
    help="`this-machine`, a host.json, or a run (its machine, and the pool size it measured).",
)
@click.option("--memory", help="Memory the server may use, such as 8GB, instead of the facts'.")
@click.option("--cores", type=_POSITIVE, help="Cores the server may use, instead of the facts'.")
@click.option("--workload", type=click.Choice(["oltp", "web", "mixed", "dw"]), default="oltp", show_default=True)
@click.option("--storage", type=click.Choice(["hdd", "ssd", "nvme", "san"]), default="ssd", show_default=True)
@click.option("--connections", type=_POSITIVE, help="`max_connections` of the server.")
@click.option(
    "--direct", type=click.IntRange(min=0), default=10, show_default=True, help="Connections past the pooler."
)
@click.option("--clients", type=_POSITIVE, default=100, show_default=True, help="Connections of all applications.")
@click.option("--pool-size", type=_POSITIVE, help="Server connections of one pool, instead of cores x 2 + 1.")
@click.option("--pools", type=_POSITIVE, default=1, show_default=True, help="Pairs of database and user.")
@click.option("--processes", type=_POSITIVE, default=1, show_default=True, help="pgBouncer processes.")
@click.option("--data", help="Size of the data, such as 40GB: whether it fits into memory decides some values.")
@click.option("--wal-disk", help="Size of the disk that holds the WAL.")
@click.option("--budget", help="What a request may take, such as 100ms.")
@click.option("--statements", type=_POSITIVE, help="Distinct prepared statements of the applications.")
@click.option("--relations", type=_POSITIVE, help="Tables, partitions and indexes one transaction may lock.")
@click.option("--verify", "verified", is_flag=True, help="Start scratch servers with the file and read it back.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Write the file here, not to stdout.")
@results_option
@server_options
@json_option
def command(
    target: str,
    *,
    facts: str,
    memory: str | None,
    data: str | None,
    wal_disk: str | None,
    budget: str | None,
    cores: int | None,
    verified: bool,
    output: Path | None,
    results_root: Path,
    state_root: Path,
    pg_bin: Path | None,
    pgbouncer: Path | None,
    as_json: bool,
    connections: int | None,
    **given: Any,
) -> None:
    """Print a configuration file for postgresql or pgbouncer: each value with its formula, inputs and source.

    What no measurement supports is marked as a rule of thumb. With --verify the file is started on scratch servers and
    every setting read back (pg_settings, SHOW CONFIG); exits 1 if one is not in force as written.

    \b
    Examples:
      bench config postgresql --for this-machine --workload oltp --data 40GB
      bench config pgbouncer --for latest --clients 400 --connections 200 --budget 100ms --verify
    """
    where = Where(state_root, pg_bin, pgbouncer)
    known: dict[str, Any] = read_facts(facts, results_root)
    known |= {name: value for name, value in given.items() if value is not None}
    if given["pool_size"] is not None:
        known["pool_status"] = "given"
    known |= {
        "max_connections": connections,
        "data_bytes": _bytes("data", data),
        "wal_disk_bytes": _bytes("wal-disk", wal_disk),
        "budget_s": _seconds(budget),
    }
    if cores is not None:
        known["cores"] = cores
    if memory is not None:
        known["memory_bytes"] = _bytes("memory", memory)
    if known["memory_bytes"] < _LEAST_MEMORY:
        raise ScenarioError(
            f"{known['memory_bytes'] // MIB} MB are too little for a server", remedy="Give it 64MB or more."
        )
    if target == "pgbouncer" and (verified or facts == THIS_MACHINE):
        known["pooler_version"] = version_of(find_pgbouncer(pgbouncer, state_root.resolve()))
    configuration = RECOMMEND[target](Inputs(**known))
    outcome = verify(configuration, where) if verified else None
    _show(configuration, outcome, output, as_json=as_json)
    if outcome is not None and not outcome.agrees:
        sys.exit(FAILED)


def _show(configuration: Configuration, outcome: Verified | None, output: Path | None, *, as_json: bool) -> None:
    text = render_configuration(configuration)
    if output is not None:
        try:
            output.write_text(text)
        except OSError as error:
            raise ScenarioError(
                f"cannot write {output}: {error.strerror}", remedy="Name a file in a folder you may write to."
            ) from None
    if as_json:
        document = msgspec.to_builtins(configuration)
        shown = None
        if outcome is not None:
            shown = {
                "agrees": outcome.agrees,
                "versions": outcome.versions,
                "settings": [msgspec.to_builtins(setting) for setting in outcome.settings],
            }
        print_json("config", {**document, "text": text, "path": output and str(output), "verified": shown})
        return
    if output is None:
        click.echo(text, nl=False)
    if outcome is not None:
        _table(outcome)


def _table(outcome: Verified) -> None:
    note("read back from " + ", ".join(f"{name} {version}" for name, version in outcome.versions.items()) + ":")
    for setting in outcome.settings:
        sign = "ok  " if not setting.doubt else "FAIL"
        doubt = f"   {setting.doubt}" if setting.doubt else ""
        note(f"  {sign}  {setting.name:<32} written {setting.wanted:<14} in force {setting.in_force}{doubt}")
