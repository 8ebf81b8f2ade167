"""The data set of a scenario, provided: a database that is ours holds exactly one (scale, seed, schema, generator).

What a database holds is written into its comment, beside the marker that makes it ours. Loading replaces everything:
the schema is taken down and up again, as the evidence tables refuse to be emptied, by their owner too.
"""

from __future__ import annotations

import contextlib
import hashlib
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import psycopg
from psycopg import sql

from bench.environment import migrations
from bench.environment.connection import connected
from bench.environment.marker import read_comment, require_ours, write_comment
from bench.environment.seeding import SUBJECTS
from bench.environment.seeding.loading import load_all
from bench.environment.seeding.table import World
from bench.model.errors import SetupError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bench.model.endpoint import Endpoint
    from bench.model.scenario import Dataset

_LOCK_KEY = 0x73656564
"""Two loads of one database at the same time would mix their rows ("seed" in ASCII)."""


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
    require_ours(admin, "fill", allow_destructive=None)
    with connected(admin) as connection:
        if read_comment(connection).get("dataset") == msgspec.to_builtins(_identity(dataset)):
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
    with _explained(admin), connected(admin) as connection:
        require_ours(admin, "fill", allow_destructive=allow_destructive)
        comment = read_comment(connection)
        _refuse_second_load(connection)
        note(f"loading data: scale {dataset.scale:g}, seed {dataset.seed}")
        # From here until the end the database holds nothing that could be taken for a data set.
        write_comment(connection, {key: value for key, value in comment.items() if key != "dataset"})
        _empty(admin, note)
        rows = load_all(admin, world, note)
        size = _stored_bytes(connection)
        write_comment(connection, {**comment, "dataset": msgspec.to_builtins(_identity(dataset))})
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


def _refuse_second_load(connection: psycopg.Connection[Any]) -> None:
    """Hold a lock as long as the connection lives."""
    [(free,)] = connection.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK_KEY]).fetchall()
    if not free:
        raise SetupError(
            f"database {connection.info.dbname} is being filled by somebody else",
            remedy="Wait until that load has ended, then try again.",
        )


def _empty(admin: Endpoint, note: Callable[[str], None]) -> None:
    """Leave the schema at head without a row of ours."""
    dsn = admin.dsn()
    revision = migrations.current(dsn)
    if revision is not None and (revision != migrations.head() or _holds_rows(admin)):
        note("  removing the data that is there")
        migrations.downgrade(dsn, "base")
    migrations.upgrade(dsn)


def _holds_rows(admin: Endpoint) -> bool:
    tables = [sql.Identifier(table.name) for subject in SUBJECTS for table in subject.tables]
    query = sql.SQL(" OR ").join(sql.SQL("EXISTS (SELECT FROM {})").format(table) for table in tables)
    with connected(admin) as connection:
        [(found,)] = connection.execute(sql.SQL("SELECT {}").format(query)).fetchall()
    return bool(found)


def _stored_bytes(connection: psycopg.Connection[Any]) -> int:
    [(size,)] = connection.execute(
        "SELECT sum(pg_total_relation_size(oid))::bigint FROM pg_class"
        " WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
    ).fetchall()
    return int(size)


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
