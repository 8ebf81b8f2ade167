"""What pgpool-II's processes used in a window. It counts neither statements nor waits, so nothing is said of those."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

import psutil

from bench.environment.cpu import used_by_each
from bench.model.facts import PoolerFacts

if TYPE_CHECKING:
    from bench.environment.pgpool import Pgpool


class PgpoolObserver:
    """CPU and memory of all its processes, read at both ends of a window."""

    def __init__(self, pgpool: Pgpool) -> None:
        if pgpool.process is None:
            raise RuntimeError("pgpool-II is observed once it runs")
        self._version = f"pgpool-II {pgpool.version}"
        self._main = psutil.Process(pgpool.process.pid)
        self._before = self._read()

    def close(self) -> None:
        """Do nothing: there is no connection."""

    def begin(self) -> None:
        """Take the reading that the differences start from."""
        self._before = self._read()

    def end(self, start_ns: int, *, mode: str, pool_size: int, max_prepared_statements: int) -> PoolerFacts:
        """Take the second reading; instants are returned relative to ``start_ns``."""
        since_ns, before = self._before
        until_ns, after = self._read()
        used = [after[pid] - before[pid] for pid in before.keys() & after.keys()]
        return PoolerFacts(
            version=self._version,
            mode=mode,
            pool_size=pool_size,
            max_prepared_statements=max_prepared_statements,
            stats={},
            gauges=(),
            cpu_s=sum(used) if used else None,
            rss_bytes=self._memory_bytes(),
            busiest_cpu_s=max(used, default=None),
            processes=len(after),
            since_ns=since_ns - start_ns,
            until_ns=until_ns - start_ns,
            kind="pgpool",
        )

    def _family(self) -> list[psutil.Process]:
        with contextlib.suppress(psutil.Error):
            return [self._main, *self._main.children()]
        return []

    def _read(self) -> tuple[int, dict[int, float]]:
        return time.monotonic_ns(), used_by_each(self._family())

    def _memory_bytes(self) -> int | None:
        """Return the proportional share of all processes, which have most pages in common; None where hidden."""
        try:
            return sum(process.memory_full_info().pss for process in self._family()) or None
        except psutil.Error:
            return None
