"""What a database holds, as one number a table: equal for equal rows, on every server version and in any order."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from psycopg import sql

from bench.environment.seeding import SUBJECTS
from bench.environment.seeding.loading import connected_as_owner

if TYPE_CHECKING:
    from bench.model.endpoint import Endpoint

# Two sums of 60 bits each of every row's MD5: addition does not care for the order, and rows that occur twice count
# twice. What a row looks like as text depends on these settings only.
_QUERY = """
SELECT count(*), sum(('x' || substr(hash, 1, 15))::bit(60)::bigint), sum(('x' || substr(hash, 16, 15))::bit(60)::bigint)
FROM (SELECT md5(t::text) AS hash FROM {} AS t) AS hashed
"""
_SETTINGS = ("datestyle = 'ISO, YMD'", "intervalstyle = 'postgres'", "bytea_output = 'hex'", "extra_float_digits = 1")


def table_digests(admin: Endpoint) -> dict[str, str]:
    """Return a digest of the rows of each generated table."""
    with connected_as_owner(admin) as connection:
        for setting in _SETTINGS:
            connection.execute(sql.SQL("SET " + setting))
        return {
            table.name: ":".join(
                map(str, connection.execute(sql.SQL(_QUERY).format(sql.Identifier(table.name))).fetchone() or ())
            )
            for subject in SUBJECTS
            for table in subject.tables
        }


def content_digest(admin: Endpoint) -> str:
    """Return one SHA-256 over the digests of all tables."""
    return hashlib.sha256(repr(sorted(table_digests(admin).items())).encode()).hexdigest()
