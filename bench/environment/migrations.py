"""The schema under test goes up and down; every answer about its revisions comes from here.

The revisions stand in ``schema/`` beside the package in a checkout, and inside the package in a wheel.
Alembic's own settings are built here, so nothing depends on the current folder or on an ini file.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import psycopg
import sqlalchemy
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from bench.model.errors import SetupError

if TYPE_CHECKING:
    from collections.abc import Iterator

_PACKAGE = Path(__file__).resolve().parents[1]
_LOCATIONS = (_PACKAGE.parent / "schema", _PACKAGE / "_shipped" / "schema")
# What the schema consists of; caches and editors' leavings do not count.
_SOURCES = ("env.py", "sql_files.py", "versions/*.py", "sql/*.sql")


def script_location() -> Path:
    """Return the folder of the shipped revisions; ``SetupError`` if the installation lost it."""
    for folder in _LOCATIONS:
        if (folder / "env.py").is_file():
            return folder
    raise SetupError(
        "the schema's revisions are not installed",
        evidence="looked in " + " and ".join(str(folder) for folder in _LOCATIONS),
        remedy="Install poolbench again, or run from a complete checkout.",
    )


def config(dsn: str | None = None, *, location: Path | None = None, output: TextIO | None = None) -> Config:
    """Build Alembic's settings for ``location`` (default: the shipped revisions), quiet, without any file.

    The DSN rides in the attributes, which Alembic never prints. ``output`` takes what offline mode prints.
    """
    folder = location or script_location()
    settings = Config(stdout=io.StringIO(), output_buffer=output, attributes={"dsn": dsn} if dsn else None)
    # "%" begins an interpolation in these settings; a folder may hold one.
    settings.set_main_option("script_location", str(folder).replace("%", "%%"))
    if str(folder) not in sys.path:  # Alembic would put it there once more with every call
        settings.set_main_option("path_separator", "newline")
        settings.set_main_option("prepend_sys_path", str(folder).replace("%", "%%"))
    return settings


def upgrade(dsn: str, revision: str = "head") -> None:
    """Bring the database up to ``revision``; raises ``SetupError``."""
    with _explained(dsn, f"upgrade to {revision}"):
        command.upgrade(config(dsn), revision)


def downgrade(dsn: str, revision: str) -> None:
    """Bring the database down to ``revision`` ("base" for none of it); raises ``SetupError``."""
    with _explained(dsn, f"downgrade to {revision}"):
        command.downgrade(config(dsn), revision)


def sql(revision: str = "base:head") -> str:
    """Render the SQL of an upgrade ("001:003" for a part); needs no server. Raises ``SetupError``."""
    output = io.StringIO()
    with _explained("", f"render {revision}"):
        command.upgrade(config(output=output), revision, sql=True)
    return output.getvalue()


def head() -> str:
    """Return the newest revision of the shipped schema; ``SetupError`` if there is not exactly one."""
    with _explained("", "find the head"):
        newest = ScriptDirectory.from_config(config()).get_current_head()
    if newest is None:
        raise SetupError("the schema holds no revision", remedy="Install poolbench again.")
    return newest


def current(dsn: str) -> str | None:
    """Return the revision a database is at, or None if it was never migrated; raises ``SetupError``."""
    with _explained(dsn, "read its revision"):
        engine = sqlalchemy.create_engine(
            "postgresql+psycopg://", connect_args=conninfo_to_dict(dsn), poolclass=NullPool
        )
        with engine.connect() as connection:
            return MigrationContext.configure(connection).get_current_revision()


def schema_hash() -> str:
    """Return the SHA-256 of the shipped revisions, names and text, as hexadecimal."""
    folder = script_location()
    digest = hashlib.sha256()
    for file in sorted(file for pattern in _SOURCES for file in folder.glob(pattern)):
        content = file.read_bytes()
        digest.update(f"{file.relative_to(folder).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


@contextlib.contextmanager
def _explained(dsn: str, purpose: str) -> Iterator[None]:
    """Turn what Alembic, SQLAlchemy and the server raise into one ``SetupError`` without a password in it."""
    try:
        database = _name(dsn) if dsn else "the schema"
        yield
    except CommandError as error:
        raise SetupError(
            f"cannot {purpose} in {database}",
            evidence=str(error),
            remedy=f"Use head, base, or one of: {', '.join(_revisions())}.",
        ) from None
    except DBAPIError as error:
        raise _refused(error.orig, f"cannot {purpose} in {database}") from None
    except psycopg.ProgrammingError as error:
        # conninfo_to_dict quotes the DSN, and so perhaps its password: its words go no further.
        raise SetupError(
            f"cannot {purpose}: the DSN is malformed",
            evidence=type(error).__name__,
            remedy="Write it as postgresql://user@host:port/dbname or as host=… port=… dbname=….",
        ) from None


def _refused(error: BaseException | None, problem: str) -> SetupError:
    """Explain a server's refusal by its kind."""
    primary = error.diag.message_primary if isinstance(error, psycopg.Error) else None
    state = error.sqlstate if isinstance(error, psycopg.Error) else None
    evidence = " ".join(str(primary or error).split()) + (f" ({state})" if state else "")
    match error:
        case errors.InsufficientPrivilege():
            remedy = "Migrate as a superuser, or as the database's owner with CREATEROLE."
        case errors.LockNotAvailable():
            remedy = "Another migration or a long transaction holds the lock: let it end, then try again."
        case psycopg.OperationalError() if state is None:
            remedy = "Check that the server runs and accepts this user; `bench doctor` helps."
        case _:
            remedy = "The revision was rolled back whole; mend what the server names and try again."
    return SetupError(problem, evidence=evidence, remedy=remedy)


def _revisions() -> list[str]:
    """List the shipped revisions from their file names, which hold even where the chain does not."""
    return sorted(file.name.partition("_")[0] for file in (script_location() / "versions").glob("*.py"))


def _name(dsn: str) -> str:
    """Name a database for a message: where it is, never how to get in."""
    parts = conninfo_to_dict(dsn)
    return f"database {parts.get('dbname', '(default)')} at {parts.get('host', 'local')}:{parts.get('port', 5432)}"
