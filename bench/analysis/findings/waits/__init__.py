"""Rules about what sessions wait for inside the server while nobody is busy: each cause has its own remedy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.analysis.findings.waits import commits, disk, latches, locks, open_transactions

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.analysis.findings.context import Context
    from bench.analysis.measurement import Finding

RULES: tuple[Callable[[Context], list[Finding]], ...] = (
    locks.find,
    latches.find,
    commits.find,
    disk.find,
    open_transactions.find,
)
