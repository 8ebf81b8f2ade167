"""What a proposal for an index has to know of a table: columns, indexes, partitions."""

from __future__ import annotations

import msgspec


class Column(msgspec.Struct, frozen=True):
    """``correlation`` of value and place on disk is what a BRIN index lives on; None without statistics."""

    name: str
    type: str
    correlation: float | None = None


class Relation(msgspec.Struct, frozen=True, kw_only=True):
    """An ordinary or partitioned table, or a partition of ``root``. ``rows`` is the planner's estimate."""

    schema: str
    name: str
    root: str | None = None
    partitioned: bool = False
    partitions: tuple[str, ...] = ()
    rows: float = 0.0
    columns: tuple[Column, ...] = ()
    indexes: tuple[str, ...] = ()
    """Definitions as the server writes them; of invalid ones none."""

    def column(self, name: str) -> Column | None:
        """Return a column."""
        return next((column for column in self.columns if column.name == name), None)
