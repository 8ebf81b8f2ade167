"""Whose database it is: only one that carries our marker, or that the user names, is ever changed."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

from psycopg import sql

from bench.environment.connection import connected
from bench.environment.embedded import MARKER
from bench.model.errors import SetupError

if TYPE_CHECKING:
    from bench.model.endpoint import Endpoint

_COMMENT = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database()"


def is_marked(endpoint: Endpoint) -> bool:
    """Tell whether the database's comment is the marker, a JSON object with our name in it."""
    with connected(endpoint) as connection:
        return _read(connection.execute(_COMMENT.encode()).fetchone()).get("marker") == MARKER


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
            evidence='its comment is not {"marker": "poolbench"}',
            remedy=f"If it may be changed, say so with `--allow-destructive {endpoint.dbname}`.",
        )


def forget_dataset(endpoint: Endpoint) -> None:
    """Take back what a marked database's comment says of the data set it holds: it holds that no longer."""
    with connected(endpoint) as connection:
        document = _read(connection.execute(_COMMENT.encode()).fetchone())
        if document.pop("dataset", None) is None or document.get("marker") != MARKER:
            return
        statement = sql.SQL("COMMENT ON DATABASE {} IS {}")
        connection.execute(statement.format(sql.Identifier(endpoint.dbname), sql.Literal(json.dumps(document))))


def _read(row: tuple[Any, ...] | None) -> dict[str, Any]:
    with contextlib.suppress(json.JSONDecodeError):
        document = json.loads(row[0]) if row and row[0] else None
        return document if isinstance(document, dict) else {}
    return {}
