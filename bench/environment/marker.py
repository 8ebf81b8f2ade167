"""Whose database it is: only one that carries our marker, or that the user names, is ever changed.

The marker is a JSON object in the database's comment; beside it stands what data set the database holds.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from psycopg import sql

from bench.environment.connection import connected
from bench.environment.roles import MARKER
from bench.model.errors import SetupError

if TYPE_CHECKING:
    import psycopg

    from bench.model.endpoint import Endpoint


def read_comment(connection: psycopg.Connection[Any]) -> dict[str, Any]:
    """Return the database's comment as an object, empty if it is none."""
    [(text,)] = connection.execute(
        "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database()"
    ).fetchall()
    try:
        comment = json.loads(text) if text else {}
    except json.JSONDecodeError:
        return {}
    return comment if isinstance(comment, dict) else {}


def write_comment(connection: psycopg.Connection[Any], comment: dict[str, Any]) -> None:
    """Write the comment of a marked database; that of another one is its owner's and stays."""
    if comment.get("marker") != MARKER:
        return
    statement = sql.SQL("COMMENT ON DATABASE {} IS {}")
    connection.execute(statement.format(sql.Identifier(connection.info.dbname), sql.Literal(json.dumps(comment))))


def is_marked(endpoint: Endpoint) -> bool:
    """Tell whether the database's comment is the marker."""
    with connected(endpoint) as connection:
        return read_comment(connection).get("marker") == MARKER


def require_ours(endpoint: Endpoint, action: str, *, allow_destructive: str | None) -> None:
    """Refuse to change somebody else's database: raises ``SetupError`` unless it is marked, or named by the user."""
    if allow_destructive is not None and allow_destructive != endpoint.dbname:
        raise SetupError(
            f"`--allow-destructive {allow_destructive}` names another database than the one connected to",
            evidence=f"connected to {endpoint.dbname} at {endpoint.host}:{endpoint.port}",
            remedy="Name the very database, or correct `--dsn`.",
        )
    if allow_destructive is None and not is_marked(endpoint):
        raise SetupError(
            f"will not {action} {endpoint.dbname} at {endpoint.host}:{endpoint.port}: it does not carry our marker",
            evidence=f'its comment is not {{"marker": "{MARKER}"}}',
            remedy=f"If it may be changed, say so with `--allow-destructive {endpoint.dbname}`.",
        )


def forget_dataset(endpoint: Endpoint) -> None:
    """Take back what a marked database's comment says of the data set it holds: it holds that no longer."""
    with connected(endpoint) as connection:
        comment = read_comment(connection)
        if comment.pop("dataset", None) is not None:
            write_comment(connection, comment)
