"""The pooler that a scenario asks for."""

from __future__ import annotations

from typing import Literal

import msgspec

from bench.model.requirement import require

MOST_PROCESSES = 16
"""Processes of one pooler on one port."""


class Pooler(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The proxy between client and server. Without ``size`` it gives every client connection a server connection.

    ``size`` counts the server connections of all ``processes`` together. pgpool-II has one for each client session.
    """

    kind: Literal["none", "pgbouncer", "pgpool"] = "pgbouncer"
    mode: Literal["transaction", "session", "statement"] = "transaction"
    size: int | None = None
    processes: int = 1
    max_prepared_statements: int = 200

    def __post_init__(self) -> None:
        require(self.size is None or self.size >= 1, "`size` must be at least 1")
        require(1 <= self.processes <= MOST_PROCESSES, f"`processes` must lie in 1 .. {MOST_PROCESSES}")
        require(
            self.size is None or self.size % self.processes == 0,
            "`size` must be a multiple of `processes`: each process has a pool of its own, and they are alike",
        )
        require(self.max_prepared_statements >= 0, "`max_prepared_statements` must not be negative")
        if self.kind == "pgpool":
            require(self.mode == "session", '`kind = "pgpool"` pools sessions only: set `mode = "session"`')
            require(self.size is None, '`kind = "pgpool"` has a server connection for each client: leave `size` out')
            require(self.processes == 1, '`kind = "pgpool"` runs a process for each client: leave `processes` out')
