"""Short-lived connections of our own: migrations, probes, plans. The load never uses these."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import psycopg

from bench.model.errors import SetupError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.model.endpoint import Endpoint

APPLICATION_NAME = "poolbench"
CONNECT_TIMEOUT_S = 10


def open_connection(endpoint: Endpoint, **options: Any) -> psycopg.Connection[Any]:
    """Connect in autocommit; raises ``SetupError`` without the password in it.

    ``options`` of libpq stand before those of the address, which so have the last word.
    """
    address = endpoint.libpq()
    if own := options.pop("options", ""):
        address["options"] = f"{own} {address.get('options', '')}".strip()
    try:
        return psycopg.connect(
            **address,
            autocommit=True,
            connect_timeout=CONNECT_TIMEOUT_S,
            application_name=APPLICATION_NAME,
            prepare_threshold=None,
            **options,
        )
    except psycopg.OperationalError as error:
        raise SetupError(
            f"cannot connect to {endpoint.host}:{endpoint.port} as {endpoint.user}, database {endpoint.dbname}",
            evidence=" ".join(str(error).split()),
            remedy="Check that the server runs and accepts this user; `bench status` and `bench doctor` help.",
        ) from None


@contextlib.contextmanager
def connected(endpoint: Endpoint, **options: Any) -> Iterator[psycopg.Connection[Any]]:
    """Connect for the length of a block; raises ``SetupError`` where the login lacks a right that the block needs."""
    with contextlib.closing(open_connection(endpoint, **options)) as connection:
        try:
            yield connection
        except psycopg.errors.InsufficientPrivilege as error:
            raise lacks_right(endpoint, error) from None


def lacks_right(endpoint: Endpoint, error: psycopg.errors.InsufficientPrivilege) -> SetupError:
    """Return the error for a login that may not do what the command needs."""
    return SetupError(
        f"{endpoint.user} lacks a right in database {endpoint.dbname} that this command needs",
        evidence=" ".join((error.diag.message_primary or str(error)).split()),
        remedy="Grant it what is named there, or connect with a role that has it.",
    )
