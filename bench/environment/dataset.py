"""The data set of a scenario, provided: a database that is ours holds exactly one (scale, seed, schema, generator).

What a database holds is written into its comment, beside the marker that makes it ours. Loading replaces everything:
the schema is taken down and up again, as the evidence tables refuse to be emptied, by their owner too.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import psycopg
from psycopg import sql

from bench.environment import migrations
from bench.environment.connection import connected
from bench.environment.embedded import MARKER
from bench.environment.seeding import FIRST_MONTHS, SUBJECTS
from bench.environment.seeding.bulk_load import restart_sequences
from bench.environment.seeding.loading import act_as_owner, load_subjects, settle
from bench.environment.seeding.table import World
from bench.model.errors import SetupError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bench.model.endpoint import Endpoint
    from bench.model.scenario import Dataset


class SeedReport(msgspec.Struct, frozen=True):
    """What was loaded."""

    rows: dict[str, int]
    bytes: int
    """Tables and indexes on disk."""
    seconds: float
    """Wall time from emptying to the end of VACUUM."""


class _Identity(msgspec.Struct, frozen=True):
    """What decides the content; two equal ones mean equal data."""

    scale: float
    seed: int
    schema: str
    generator: str


def provide_dataset(admin: Endpoint, dataset: Dataset, note: Callable[[str], None]) -> None:
    """Make a marked, migrated database hold this data set; returns at once if it does already.

    Raises ``SetupError`` for a database without our marker.
    """
    with connected(admin) as connection:
        comment = _read_comment(connection)
        _refuse_foreign(admin, comment, None)
        if comment.get("dataset") == msgspec.to_builtins(_identity(dataset)):
            return
    seed_database(admin, dataset, note)


def seed_database(
    admin: Endpoint, dataset: Dataset, note: Callable[[str], None], *, allow_destructive: str | None = None
) -> SeedReport:
    """Bring the schema to head and replace all data; ``note`` hears of the progress.

    A database without our marker is refused with ``SetupError``, unless ``allow_destructive`` is its name.
    """
    began = time.monotonic()
    world = World(dataset.seed, dataset.scale)
    note(f"loading data: scale {dataset.scale:g}, seed {dataset.seed}")
    with connected(admin) as connection:
        comment = _read_comment(connection)
        _refuse_foreign(admin, comment, allow_destructive)
        # From here on until the end the database holds nothing that could be taken for a data set.
        _write_comment(connection, {key: value for key, value in comment.items() if key != "dataset"})
    _empty(admin, note)
    with _explained(admin):
        with connected(admin) as connection:
            act_as_owner(connection)
            _make_partitions(connection)
        rows = load_subjects(admin, world, note)
        settle(admin, list(rows))
        with connected(admin) as connection:
            restart_sequences(connection)
            size = _stored_bytes(connection)
            _write_comment(connection, {**comment, "dataset": msgspec.to_builtins(_identity(dataset))})
    report = SeedReport(rows, size, time.monotonic() - began)
    note(f"  {sum(rows.values()):,} rows, {size / 1e6:,.0f} MB with indexes")
    return report


def _identity(dataset: Dataset) -> _Identity:
    return _Identity(float(dataset.scale), dataset.seed, migrations.schema_hash(), generator_hash())


def generator_hash() -> str:
    """Return the SHA-256 of the generator's own text: other code may make other data."""
    digest = hashlib.sha256()
    for file in sorted((Path(__file__).parent / "seeding").glob("*.py")):
        digest.update(f"{file.name}\0".encode() + file.read_bytes())
    return digest.hexdigest()


def _read_comment(connection: psycopg.Connection[Any]) -> dict[str, Any]:
    """Return the database's comment as an object, empty if it is none."""
    row = connection.execute(
        "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database()"
    ).fetchone()
    try:
        comment = json.loads(row[0]) if row and row[0] else {}
    except json.JSONDecodeError:
        return {}
    return comment if isinstance(comment, dict) else {}


def _write_comment(connection: psycopg.Connection[Any], comment: dict[str, Any]) -> None:
    """Write the comment of a marked database; that of another one is its owner's and stays."""
    if comment.get("marker") != MARKER:
        return
    statement = sql.SQL("COMMENT ON DATABASE {} IS {}")
    connection.execute(statement.format(sql.Identifier(connection.info.dbname), sql.Literal(json.dumps(comment))))


def _refuse_foreign(admin: Endpoint, comment: dict[str, Any], allow_destructive: str | None) -> None:
    if comment.get("marker") == MARKER or allow_destructive == admin.dbname:
        return
    named = f", `--allow-destructive {allow_destructive}` names another" if allow_destructive else ""
    raise SetupError(
        f"database {admin.dbname} is not ours to fill: it does not carry our marker",
        evidence=f'its comment holds no {{"marker": "{MARKER}"}}{named}',
        remedy=f"Use the embedded environment, or pass `--allow-destructive {admin.dbname}` to lose what it holds.",
    )


def _empty(admin: Endpoint, note: Callable[[str], None]) -> None:
    """Leave the schema at head without a row of ours."""
    dsn = admin.dsn()
    migrations.upgrade(dsn)
    with connected(admin) as connection:
        names = [table.name for subject in SUBJECTS for table in subject.tables]
        query = sql.SQL(" OR ").join(sql.SQL("EXISTS (SELECT FROM {})").format(sql.Identifier(name)) for name in names)
        row = connection.execute(sql.SQL("SELECT {}").format(query)).fetchone()
    if row and row[0]:
        note("  removing the data that is there")
        migrations.downgrade(dsn, "base")
        migrations.upgrade(dsn)


def _make_partitions(connection: psycopg.Connection[Any]) -> None:
    """Make a partition for every month that has data, and for those until the present one."""
    now = connection.execute("SELECT now()::date").fetchone()
    today: dt.date = now[0] if now else dt.datetime.now(tz=dt.UTC).date()
    for function, month in FIRST_MONTHS.items():
        back = max(0, (today.year - month.year) * 12 + today.month - month.month)
        connection.execute(sql.SQL("SELECT {}(3, %s)").format(sql.Identifier(function)), [back])


def _stored_bytes(connection: psycopg.Connection[Any]) -> int:
    row = connection.execute(
        "SELECT sum(pg_total_relation_size(oid))::bigint FROM pg_class"
        " WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
    ).fetchone()
    return int(row[0]) if row else 0


@contextlib.contextmanager
def _explained(admin: Endpoint) -> Iterator[None]:
    """Say what the server refused; our own rows breaking our own rules is a bug and shows as one."""
    try:
        yield
    except (psycopg.errors.InsufficientPrivilege, psycopg.OperationalError) as error:
        raise SetupError(
            f"loading data into {admin.dbname} failed",
            evidence=" ".join(str(error).split()),
            remedy="Connect as a superuser or a member of bench_owner that owns the database; check the disk's space.",
        ) from None
