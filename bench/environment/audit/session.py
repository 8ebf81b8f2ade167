"""Connections to a scratch database: every name resolves the same way, nothing waits for ever."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from bench.environment.connection import connected

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg

    from bench.model.endpoint import Endpoint

_OPTIONS = "-c search_path=public -c timezone=UTC -c statement_timeout=60s -c lock_timeout=10s -c datestyle=ISO"


@contextlib.contextmanager
def opened(endpoint: Endpoint) -> Iterator[psycopg.Connection[Any]]:
    """Connect in autocommit for the length of a block."""
    with connected(endpoint, options=_OPTIONS) as connection:
        yield connection


@contextlib.contextmanager
def rolled_back(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """Undo everything the block does, a savepoint where a transaction is open already."""
    with connection.transaction(force_rollback=True):
        yield
