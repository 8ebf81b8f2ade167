"""What the database under test holds: revision, row counts, settings. Read only."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from bench.environment.connection import connected
from bench.environment.probes import probe_sql

if TYPE_CHECKING:
    from bench.model.endpoint import Endpoint


class Inventory(msgspec.Struct, frozen=True):
    """``row_counts`` are the planner's estimates (pg_class.reltuples), which cost nothing on a large database."""

    alembic_head: str | None
    row_counts: dict[str, int]
    settings: dict[str, str]


def read_inventory(endpoint: Endpoint) -> Inventory:
    """Read the inventory; raises ``SetupError`` where the server cannot be reached."""
    with connected(endpoint) as connection:
        version = connection.info.server_version // 10_000
        known = connection.execute("SELECT to_regclass('alembic_version')").fetchone()
        head = None
        if known and known[0]:
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
            head = str(row[0]) if row else None
        counts = dict(connection.execute(probe_sql("row_counts", version).encode()).fetchall())
        settings = dict(connection.execute(probe_sql("settings", version).encode()).fetchall())
    return Inventory(head, counts, settings)
