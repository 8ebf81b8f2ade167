"""Partitioned tables as the catalogue has them."""

from __future__ import annotations

import msgspec


class PartitionedTable(msgspec.Struct, frozen=True, kw_only=True):
    """The root of a partition tree. Rows are the planner's estimates, 0 where nobody has analysed."""

    table: str
    key: str
    """``RANGE (created_at)``."""
    parts: tuple[str, ...]
    """Names of the partitions that hold rows themselves, without a schema, as plans name them."""
    rows: int
    size_bytes: int
    """With indexes and toast."""
    default_rows: int | None
    """Rows that no other partition wants, None where there is no default partition."""
