"""`bench schema`: upgrade, downgrade, audit, partitions."""

from __future__ import annotations

import contextlib
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from bench.analysis.wording import count
from bench.cli.options import i_know_option, knows, reports_option, results_option, server_options
from bench.cli.output import json_option, print_json, tell, verdict_code, warn_only_option
from bench.cli.progress import choose_progress
from bench.environment import migrations
from bench.environment.attached import Attachment, attach
from bench.environment.audit.generate import Recipes
from bench.environment.embedded import Where, session
from bench.environment.marker import forget_dataset
from bench.environment.partitions import maintain
from bench.environment.safeguard import READ_ONLY, guarded, require_changeable
from bench.experiment.audit import AuditRequest, run_audit
from bench.model.errors import ScenarioError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.environment.partitions import Outcome
    from bench.experiment.audit import Audited
    from bench.model.endpoint import Endpoint

_COLOURS = {"pass": "green", "fail": "red"}
_dsn_option = click.option(
    "--dsn", help="This database instead of the embedded one (no password in it: use PGPASSFILE, PGPASSWORD)."
)
_allow_option = click.option(
    "--allow-destructive", metavar="DBNAME", help="Change this database although it does not carry our marker."
)


@click.group("schema")
def command() -> None:
    """Migrate the schema, audit it, and maintain its partitions.

    \b
    Example:
      bench schema audit --html
    """


@contextlib.contextmanager
def _database(where: Where, dsn: str | None, action: str, allow_destructive: str | None) -> Iterator[Endpoint]:
    """Reach the database to change: the embedded one, or one that is ours or was named."""
    if dsn is None:
        with session(where) as environment:
            yield environment.admin
        return
    with attach(Attachment(dsn)) as reached:
        require_changeable(reached.admin, action, allow_destructive=allow_destructive, i_know=knows())
        yield reached.admin


@command.command("upgrade")
@click.argument("revision", default="head")
@_dsn_option
@_allow_option
@i_know_option
@server_options
@json_option
def upgrade(
    revision: str,
    *,
    dsn: str | None,
    allow_destructive: str | None,
    state_root: Path,
    pg_bin: Path | None,
    pgbouncer: Path | None,
    as_json: bool,
) -> None:
    """Bring the schema up to REVISION (default: head).

    \b
    Example:
      bench schema upgrade
    """
    with _database(Where(state_root, pg_bin, pgbouncer), dsn, "migrate", allow_destructive) as endpoint:
        migrations.upgrade(endpoint.dsn(), revision)
        _show_revision(endpoint, as_json=as_json)


@command.command("downgrade")
@click.argument("revision")
@_dsn_option
@_allow_option
@i_know_option
@server_options
@json_option
def downgrade(
    revision: str,
    *,
    dsn: str | None,
    allow_destructive: str | None,
    state_root: Path,
    pg_bin: Path | None,
    pgbouncer: Path | None,
    as_json: bool,
) -> None:
    """Bring the schema down to REVISION ("base" for none of it). The data of what it drops is lost.

    \b
    Example:
      bench schema downgrade 006
    """
    with _database(Where(state_root, pg_bin, pgbouncer), dsn, "migrate", allow_destructive) as endpoint:
        migrations.downgrade(endpoint.dsn(), revision)
        forget_dataset(endpoint)
        _show_revision(endpoint, as_json=as_json)


def _show_revision(endpoint: Endpoint, *, as_json: bool) -> None:
    found = migrations.current(endpoint.dsn())
    if as_json:
        print_json("schema", {"database": endpoint.dbname, "revision": found, "head": migrations.head()})
    else:
        tell(f"{endpoint.dbname} is at {found or 'base'} (head: {migrations.head()})")


@command.command("audit")
@click.option(
    "--script-location",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    help="Audit this Alembic environment instead of the shipped one; claims about shipped names do not apply.",
)
@click.option(
    "--rows", type=click.Path(dir_okay=False, exists=True, path_type=Path), help="TOML: rows it cannot guess."
)
@click.option("--claim", "only", multiple=True, metavar="ID", help="Try only this claim, such as S07; may be repeated.")
@click.option("--html", is_flag=True, help="Write a page for reviewers.")
@click.option("--dsn", help="A scratch server, as superuser; databases are made beside this one, which is left alone.")
@i_know_option
@server_options
@results_option
@reports_option
@warn_only_option
@json_option
def audit(
    *,
    script_location: Path | None,
    rows: Path | None,
    only: tuple[str, ...],
    html: bool,
    dsn: str | None,
    state_root: Path,
    pg_bin: Path | None,
    pgbouncer: Path | None,
    results_root: Path,
    reports_root: Path,
    warn_only: bool,
    as_json: bool,
) -> None:
    """Prove or refute every claim about the schema, on scratch databases that are gone afterwards.

    Exits 1 if a claim is refuted or cannot be proven.

    \b
    Examples:
      bench schema audit --html
      bench schema audit --claim S07 --claim S18
      bench schema audit --script-location db/migrations --dsn postgresql://postgres@127.0.0.1/postgres
    """
    request = AuditRequest(
        where=Attachment(dsn) if dsn else Where(state_root, pg_bin, pgbouncer),
        results_root=results_root,
        reports_root=reports_root,
        location=script_location,
        recipes=_read_recipes(rows) if rows else None,
        only=only,
        html=html,
        i_know=knows(),
    )
    with choose_progress() as progress:
        audited = run_audit(request, progress)
    if as_json:
        print_json("audit", audited.document())
    else:
        _show_ledger(audited)
    sys.exit(verdict_code(audited.ledger.verdict, warn_only=warn_only))


def _read_recipes(path: Path) -> Recipes:
    try:
        return msgspec.convert(tomllib.loads(path.read_text("utf-8")), Recipes)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise ScenarioError(
            f"{path} does not hold rows: {error}",
            remedy='Write `[[table]]` with `column = "text"` for each row; an empty text is null.',
        ) from None


def _show_ledger(audited: Audited) -> None:
    ledger = audited.ledger
    for claim in ledger.claims:
        word = click.style(claim.verdict.upper(), fg=_COLOURS[claim.verdict], bold=True)
        tell(f"{word}  {claim.id}  {claim.claim}: {claim.summary}")
        for fault in claim.faults:
            tell(f"      {fault.subject}: {fault.problem}")
            tell(f"        remedy: {fault.remedy}")
    for each in ledger.not_applicable:
        tell(f"n/a   {each.id}  {each.claim}: {each.reason}")
    for note in ledger.notes:
        tell(f"note: {note}")
    proven = len(ledger.claims) - len(ledger.failed)
    tell(f"{proven} of {count(len(ledger.claims), 'claim')} proven in {ledger.seconds:.1f} s", bold=True)
    tell(f"results  {audited.path}")
    if audited.report:
        tell(f"report   {audited.report}")


@command.command("partitions")
@click.option("--ahead", type=click.IntRange(0, 400), default=3, show_default=True, help="Months to make ahead.")
@click.option("--keep", type=click.IntRange(0, 400), help="Whole months to keep before this one; without it, all.")
@click.option(
    "--drop", is_flag=True, help="Drop what is past --keep instead of detaching it; retention rules permitting."
)
@click.option("--dry-run", is_flag=True, help="Print the SQL and what it would do; change nothing.")
@_dsn_option
@_allow_option
@i_know_option
@server_options
@json_option
def partitions(
    *,
    ahead: int,
    keep: int | None,
    drop: bool,
    dry_run: bool,
    dsn: str | None,
    allow_destructive: str | None,
    state_root: Path,
    pg_bin: Path | None,
    pgbouncer: Path | None,
    as_json: bool,
) -> None:
    """Make the months ahead of the audit log and of the events, and detach what is past retention.

    Safe to run twice and at the same time. Rows that fell into a default partition move to their month, as far back as
    --keep (24 months without it). Exits 1 if a check finds something wrong afterwards.

    \b
    Example:
      bench schema partitions --ahead 3 --keep 84
    """
    if drop and keep is None:
        raise click.UsageError("--drop needs --keep: how many months are kept?", click.get_current_context())
    where = Where(state_root, pg_bin, pgbouncer)
    with _reading(where, dsn) if dry_run else _database(where, dsn, "change", allow_destructive) as endpoint:
        outcomes = maintain(endpoint, ahead=ahead, keep=keep, drop=drop, dry_run=dry_run)
        if not dry_run and any(each.removed for each in outcomes):
            forget_dataset(endpoint)
    verdict = "fail" if any(each.verdict == "fail" for each in outcomes) else "pass"
    if as_json:
        rows = [{**msgspec.to_builtins(each), "verdict": each.verdict} for each in outcomes]
        print_json("partitions", {"verdict": verdict, "dry_run": dry_run, "tables": rows})
    else:
        _show_outcomes(outcomes, dry_run=dry_run)
    # What is missing before the work is done is what the work is for.
    sys.exit(0 if dry_run else verdict_code(verdict, warn_only=False))


@contextlib.contextmanager
def _reading(where: Where, dsn: str | None) -> Iterator[Endpoint]:
    """Reach a database that is only looked at, whosever it is."""
    if dsn is None:
        with session(where) as environment:
            yield environment.admin
    else:
        with attach(Attachment(dsn)) as reached:
            yield guarded(reached.admin, ((READ_ONLY, "on"),))


def _show_outcomes(outcomes: list[Outcome], *, dry_run: bool) -> None:
    if dry_run:
        for each in outcomes:
            for line in each.sql:
                tell(line)
        return
    for each in outcomes:
        tell(each.table, bold=True)
        made, removed = (", ".join(names) or "none" for names in (each.created, each.removed))
        tell(f"  made      {made}; {each.moved_rows} rows moved out of the default partition")
        tell(f"  removed   {removed}")
        for check in each.checks:
            word = click.style(check.verdict.upper(), fg=_COLOURS[check.verdict], bold=True)
            tell(f"  {word}  {check.name}: {check.evidence}")
            if check.remedy:
                tell(f"        remedy: {check.remedy}")
