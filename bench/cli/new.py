"""`bench new`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.cli.options import where_options
from bench.cli.output import json_option, note, print_json, tell
from bench.design.draft import write_scenario
from bench.environment.embedded import Where
from bench.experiment.draft import Source, draft, observed, reach
from bench.model.errors import ScenarioError, StoreError
from bench.model.scenario_text import decode, read_raw
from bench.model.sql_file import read_statements

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.design.draft import Draft, LeftOut, Written
    from bench.environment.attached import Attachment

_NAME = re.compile(r"[A-Za-z0-9][\w-]*")


@click.command("new")
@click.argument("name")
@click.option(
    "--sql",
    "sql_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Statements with `$1` or `:name` parameters, separated by semicolons; `-- name: x` names one.",
)
@click.option("--from-statements", is_flag=True, help="The statements that took most time, from pg_stat_statements.")
@click.option("--top", type=click.IntRange(1, 200), default=10, show_default=True, help="With --from-statements.")
@click.option("--writes", is_flag=True, help="Take statements that change rows too; else they are left out.")
@where_options
@json_option
def command(
    name: str,
    *,
    sql_file: Path | None,
    from_statements: bool,
    top: int,
    writes: bool,
    where: Where | Attachment,
    as_json: bool,
) -> None:
    """Make a commented scenario NAME.toml from your SQL, or from the top of a server's pg_stat_statements.

    The server prepares and plans each statement, and executes none: it tells the types of the parameters and the
    columns that they are compared with, from which the scenario then draws values. A parameter of which nothing is
    known is left open, and the scenario refuses to run until you have chosen a source for it.

    \b
    Examples:
      bench new lookups --sql queries.sql
      bench new mine --from-statements --dsn "host=db dbname=app user=reader" --top 5
    """
    path = _target_file(name)
    if (sql_file is None) != from_statements:
        raise ScenarioError("name one origin of the statements", remedy="Use `--sql FILE` or `--from-statements`.")
    with reach(where) as endpoint:
        if sql_file is not None:
            sources = [Source(one) for one in read_statements(_read(sql_file), str(sql_file))]
            origin = sql_file.name
        else:
            sources, origin = observed(endpoint, top), f"pg_stat_statements of database {endpoint.dbname}"
        drafts, left_out = draft(endpoint, sources, writes=writes)
    if not drafts:
        reasons = "; ".join(f"{one.name}: {one.reason}" for one in left_out) or "none was counted in this database"
        raise ScenarioError(
            "no statement became an operation", evidence=reasons, remedy="Correct the SQL, or use `--writes`."
        )
    through_pooler = isinstance(where, Where) or where.pooler_dsn is not None
    written = write_scenario(name, origin, drafts, left_out, through_pooler=through_pooler)
    if not written.open:
        decode(read_raw(written.text, str(path)), str(path))
    _write(path, written.text)
    if as_json:
        print_json("new", _document(path, drafts, left_out, written))
    else:
        _tell(path, drafts, left_out, written)


def _target_file(name: str) -> Path:
    if not _NAME.fullmatch(name):
        raise ScenarioError(
            f"{name!r} is no name for a scenario",
            remedy="Use letters, digits, `_` and `-`: the file is NAME.toml in this folder.",
        )
    path = Path(f"{name}.toml")
    if path.exists():
        raise ScenarioError(f"{path} is there already", remedy="Choose another name, or remove it first.")
    return path


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ScenarioError(f"{path} cannot be read: {error}", remedy="Name a text file of SQL in UTF-8.") from None


def _write(path: Path, text: str) -> None:
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        problem = f"{path} cannot be written: {error.strerror}"
        raise StoreError(problem, remedy="Use a folder you may write to.") from None


def _document(path: Path, drafts: Sequence[Draft], left_out: Sequence[LeftOut], written: Written) -> dict[str, object]:
    return {
        "path": str(path),
        "operations": [draft.name for draft in drafts],
        "left_out": [{"name": one.name, "reason": one.reason} for one in left_out],
        "open": [{"operation": one, "parameter": what, "type": kind} for one, what, kind in written.open],
    }


def _tell(path: Path, drafts: Sequence[Draft], left_out: Sequence[LeftOut], written: Written) -> None:
    tell(f"{path}: operations {', '.join(one.name for one in drafts)}")
    for one in left_out:
        note(f"  left out: {one.name}: {one.reason}")
    for operation, parameter, kind in written.open:
        note(f"  choose values for {operation}, parameter {parameter} ({kind})")
    tell(f"next: {'fill in what is open, then ' if written.open else ''}bench plan {path}")
