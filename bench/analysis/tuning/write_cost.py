"""What an index costs those who write: the other side of what it gives to those who read."""

from __future__ import annotations

import msgspec

from bench.stats.estimate import Estimate


class WriteCost(msgspec.Struct, frozen=True, kw_only=True):
    """Per row written, with the index less without it: seconds and bytes of WAL. ``size_bytes`` on disk."""

    index: str
    table: str
    size_bytes: int
    rows: int
    """Rows that were written each time."""
    time_per_row: Estimate
    wal_per_row: Estimate

    @property
    def words(self) -> str:
        """``+3.1 us [2.6, 3.6] and +71 bytes of WAL a row written, 56 kB on disk``."""
        spent = _per_row(self.time_per_row, 1e6, "us")
        logged = _per_row(self.wal_per_row, 1, "bytes of WAL")
        return (
            f"{self.index}: {spent} and {logged}"
            f" a row written to {self.table}, {self.size_bytes / 1024:,.0f} kB on disk"
        )


def _per_row(value: Estimate, scale: float, unit: str) -> str:
    point, low, high = (part * scale for part in (value.point, value.low, value.high))
    return f"{point:+,.1f} {unit} [{low:,.1f}, {high:,.1f}]"
