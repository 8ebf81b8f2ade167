"""Runs the SQL of one direction of a revision.

A revision keeps its statements in ``schema/sql``: ``NNN_up.sql`` and ``NNN_down.sql``, or several pieces in
the order of their names (``NNN_up_1_tables.sql``, ``NNN_up_2_grants.sql``), so that what goes up and what
comes down are reviewed side by side, as SQL.

A piece runs as the migrating user until it says ``SET LOCAL ROLE bench_owner``, and as bench_owner from there
on, which is how bench_owner comes to own what it creates. Role and search path are given back at the end:
``alembic_version``, written right after, belongs to the migrating user.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from alembic.migration import MigrationContext
    from sqlalchemy import Connection


class Operations(Protocol):
    """What is needed of ``alembic.op``, which is a module."""

    def get_context(self) -> MigrationContext:
        """Return the running migration's context."""

    def get_bind(self) -> Connection:
        """Return the connection the migration runs on."""


_BEFORE = "SET LOCAL search_path TO public;"
_AFTER = "RESET ROLE; RESET search_path;"


def pieces(folder: Path, name: str) -> list[Path]:
    """List the files of ``name`` ("001_up") in the order they run; an empty answer is a FileNotFoundError."""
    found = sorted([*folder.glob(f"{name}.sql"), *folder.glob(f"{name}_*.sql")])
    if not found:
        raise FileNotFoundError(f"{folder} holds no {name}.sql and no {name}_*.sql")
    return found


def execute_sql(op: Operations, name: str) -> None:
    """Run every piece of ``name`` inside the migration's transaction, or print it in offline mode.

    The folder is that of the running environment, not of this module, so that a copied environment runs its
    own files. The text goes to the server as it stands: ``:name`` and ``%`` mean nothing here.
    """
    context = op.get_context()
    script = context.script
    if script is None:
        raise RuntimeError("execute_sql runs inside an Alembic environment only")
    texts = [file.read_text("utf-8").strip() for file in pieces(Path(script.dir) / "sql", name)]
    for text in (_BEFORE, *texts, _AFTER):
        if context.as_sql:
            context.impl.static_output(text)
        else:
            connection = op.get_bind().execution_options(no_parameters=True)
            connection.exec_driver_sql(text)
