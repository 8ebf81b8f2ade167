"""The Alembic environment: where the DSN comes from, and one transaction for each revision.

The DSN is taken from ``config.attributes["dsn"]`` (how `bench` calls it), from ``-x dsn=…``, or from the
variable BENCH_DSN, in this order. It is never stored; one that holds a password belongs in the variable, as
an argument list can be read by other users of the machine.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from alembic import context
from alembic.util import CommandError
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

# Revisions import sql_files, which stands beside this file.
_here = str(Path(__file__).resolve().parent)
if _here not in sys.path:
    sys.path.insert(0, _here)

# Two migrations of one database at the same time wait for each other on this key ("pool" in ASCII).
_LOCK_KEY = 0x706F6F6C


def _dsn() -> str:
    """Return the DSN of the database to migrate."""
    given = (
        context.config.attributes.get("dsn")
        or context.get_x_argument(as_dictionary=True).get("dsn")
        or os.environ.get("BENCH_DSN")
    )
    if not given:
        raise CommandError("no database is named: set BENCH_DSN, or pass -x dsn=… when it holds no password")
    return str(given)


def _print_sql() -> None:
    """Print the SQL of the revisions (``alembic upgrade --sql``); no server is needed."""
    context.configure(dialect_name="postgresql", transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()


def _migrate() -> None:
    """Run the revisions against the server, one transaction each."""
    engine = create_engine("postgresql+psycopg://", connect_args=conninfo_to_dict(_dsn()), poolclass=NullPool)
    with engine.connect() as connection:
        # A lock that does not come within half a minute is held by somebody who must be asked, not waited for.
        connection.exec_driver_sql("SET lock_timeout = '30s'")
        connection.exec_driver_sql(f"SELECT pg_advisory_lock({_LOCK_KEY})")
        # Alembic opens a transaction for each revision only where none is open yet.
        connection.commit()
        context.configure(connection=connection, transaction_per_migration=True)
        with context.begin_transaction():
            context.run_migrations()


if context.is_offline_mode():
    _print_sql()
else:
    _migrate()
