"""What the database under test holds: revision, row counts, settings. Read only."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import psycopg

from bench.environment.connection import connected
from bench.environment.probes import probe_sql
from bench.model.facts import Caveat

if TYPE_CHECKING:
    from typing import Any

    from bench.model.endpoint import Endpoint


class Inventory(msgspec.Struct, frozen=True):
    """``row_counts`` are the planner's estimates (pg_class.reltuples), which cost nothing on a large database.

    ``caveats`` name what this role could not read; ``alembic_head`` is then None though there may be one.
    """

    alembic_head: str | None
    row_counts: dict[str, int]
    settings: dict[str, str]
    caveats: tuple[Caveat, ...] = ()


def read_inventory(endpoint: Endpoint) -> Inventory:
    """Read the inventory; raises ``SetupError`` where the server cannot be reached."""
    with connected(endpoint) as connection:
        version = connection.info.server_version // 10_000
        head, caveats = _read_head(connection)
        counts = dict(connection.execute(probe_sql("row_counts", version).encode()).fetchall())
        settings = dict(connection.execute(probe_sql("settings", version).encode()).fetchall())
    return Inventory(head, counts, settings, caveats)


def _read_head(connection: psycopg.Connection[Any]) -> tuple[str | None, tuple[Caveat, ...]]:
    known = connection.execute("SELECT to_regclass('alembic_version')::text").fetchone()
    if known is None or known[0] is None:
        return None, ()
    try:
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except psycopg.errors.InsufficientPrivilege:
        user = connection.info.user
        text = f"{user} may not read `{known[0]}`, so the schema's revision is unknown"
        cure = f'GRANT SELECT ON {known[0]} TO "{user}": two runs are then known to have the same schema.'
    except (psycopg.errors.UndefinedColumn, psycopg.errors.WrongObjectType) as error:
        said = " ".join((error.diag.message_primary or str(error)).split())
        text = f"`{known[0]}` is not Alembic's ({said}), so the schema's revision is unknown"
        cure = "Nothing to do where the schema is not migrated by Alembic; else put its table first in `search_path`."
    else:
        return (str(row[0]) if row else None), ()
    return None, (Caveat(code="revision-unreadable", text=text, cure=cure),)
