"""Months of the partitioned logs: made ahead, detached past retention, and checked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import msgspec
import psycopg
from psycopg import errors, sql

from bench.environment.connection import connected
from bench.environment.partition_checks import Check, check, read_shape
from bench.model.errors import SetupError

if TYPE_CHECKING:
    from bench.environment.partition_checks import Shape
    from bench.model.endpoint import Endpoint

Connection = psycopg.Connection[Any]

BACK_MONTHS = 24
"""How far back rows are fetched out of the default partition where nobody says how long months are kept.

A row with a wrong clock must not make hundreds of partitions; it stays where it is and is reported.
"""
LOCK_TIMEOUT = "30s"
"""A transaction that holds the table longer must be asked, not waited for."""
# As the schema's own functions: "part" in ASCII, and the parent's oid. Whoever holds it changes the shape of the table.
_LOCK = "SELECT pg_advisory_xact_lock(1885434484, %s::regclass::oid::integer)"


class Maintained(msgspec.Struct, frozen=True):
    """A partitioned table, and the schema's functions that change its shape."""

    table: str
    ensure: str
    drop: str


MAINTAINED = (
    Maintained("audit_logs", "ensure_audit_partitions", "drop_audit_partitions"),
    Maintained("analytics_events", "ensure_analytics_partitions", "drop_analytics_partitions"),
)


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What was done to one table, or with ``--dry-run`` would be. ``sql`` does it."""

    table: str
    sql: tuple[str, ...]
    created: tuple[str, ...]
    removed: tuple[str, ...]
    moved_rows: int
    checks: tuple[Check, ...]

    @property
    def verdict(self) -> Literal["pass", "fail"]:
        """``fail`` if any check failed."""
        return "fail" if any(each.verdict == "fail" for each in self.checks) else "pass"


def maintain(endpoint: Endpoint, *, ahead: int, keep: int | None, drop: bool, dry_run: bool) -> list[Outcome]:
    """Make ``ahead`` months, detach (or ``drop``) what ended more than ``keep`` whole months ago, and check the rest.

    Rows that fell into the default partition move to their month if it lies between. Safe to repeat, and to run at the
    same time: whoever comes second finds nothing to do. Raises ``SetupError``.
    """
    with connected(
        endpoint, options=f"-c search_path=public -c timezone=UTC -c lock_timeout={LOCK_TIMEOUT}"
    ) as connection:
        outcomes = []
        for each in MAINTAINED:
            try:
                run = _foresee if dry_run else _apply
                outcomes.append(run(connection, each, ahead, keep, drop=drop))
            except psycopg.Error as error:
                raise _explain(error, each.table) from None
        return outcomes


def _statements(each: Maintained, shape: Shape, ahead: int, keep: int | None, *, drop: bool) -> list[str]:
    back = shape.months_back(BACK_MONTHS if keep is None else keep)
    arguments = f"{ahead}, {back}" if back else f"{ahead}"
    statements = [f"SELECT {each.ensure}({arguments});"]
    if keep is not None:
        statements.append(f"SELECT {each.drop}({keep}{', true' if drop else ''});")
    return statements


def _foresee(connection: Connection, each: Maintained, ahead: int, keep: int | None, *, drop: bool) -> Outcome:
    shape = read_shape(connection, each.table)
    missing = shape.missing(ahead, shape.months_back(BACK_MONTHS if keep is None else keep))
    past = shape.past(keep)
    moved = shape.default_rows_in(missing)
    ensure, *rest = _statements(each, shape, ahead, keep, drop=drop)
    text = [f"-- {each.table}: makes {', '.join(missing) or 'nothing, all months are there'}"]
    if moved:
        text.append(f"-- {each.table}: moves {moved} rows out of {shape.default}")
    text.append(ensure)
    if rest:
        text += [f"-- {each.table}: {'drops' if drop else 'detaches'} {', '.join(past) or 'nothing'}", *rest]
    return Outcome(
        table=each.table,
        sql=tuple(text),
        created=tuple(missing),
        removed=tuple(past),
        moved_rows=moved,
        checks=tuple(check(connection, shape, ahead, keep)),
    )


def _apply(connection: Connection, each: Maintained, ahead: int, keep: int | None, *, drop: bool) -> Outcome:
    with connection.transaction():
        connection.execute(_LOCK.encode(), [each.table])
        shape = read_shape(connection, each.table)
        ensure, *rest = _statements(each, shape, ahead, keep, drop=drop)
        created = [name for (name,) in connection.execute(ensure.encode())]
        # New tables hold what moved; one that was detached before comes back with rows of its own.
        moved = sum(_count(connection, name) for name in created if name not in shape.detached)
    removed: list[str] = []
    for statement in rest:
        removed += [name for (name,) in connection.execute(statement.encode())]
    shape = read_shape(connection, each.table)
    return Outcome(
        table=each.table,
        sql=(ensure, *rest),
        created=tuple(created),
        removed=tuple(removed),
        moved_rows=moved,
        checks=tuple(check(connection, shape, ahead, keep)),
    )


def _count(connection: Connection, table: str) -> int:
    row = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))).fetchone()
    return int(row[0]) if row else 0


def _explain(error: psycopg.Error, table: str) -> SetupError:
    """Say what keeps a table from being maintained, and what to do about it."""
    words = " ".join((error.diag.message_primary or str(error)).split())
    match error:
        case errors.UndefinedTable() | errors.UndefinedFunction():
            remedy = "Migrate the database first: `bench schema upgrade`."
        case errors.LockNotAvailable():
            remedy = "A long transaction uses the table: let it end, then run this again; nothing is half done."
        case _:
            remedy = error.diag.message_hint or "Mend what the server names; nothing is half done."
    return SetupError(f"cannot maintain the partitions of {table}", evidence=words, remedy=remedy)
