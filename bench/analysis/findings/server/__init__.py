"""Rules about settings of the server: measured where the run shows the need, else one list of rules of thumb."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.analysis.findings.server import rules_of_thumb, shared_buffers, spilled_statements, wal_size

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.analysis.findings.context import Context
    from bench.analysis.measurement import Finding

RULES: tuple[Callable[[Context], list[Finding]], ...] = (
    shared_buffers.find,
    wal_size.find,
    spilled_statements.find,
    rules_of_thumb.find,
)
