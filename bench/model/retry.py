"""How often a transaction that lost against others is run again."""

from __future__ import annotations

from typing import Literal

import msgspec

from bench.model.units import Duration


class Retry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Run a transaction again that lost against others, at most ``attempts`` times in all, on the same connection.

    The pause before each further attempt begins with ``backoff`` and doubles. All of it is one operation, and its
    response time is the customer's: from the intended start to the attempt that counted.
    """

    attempts: int
    on: tuple[Literal["serialization", "deadlock"], ...] = ("serialization", "deadlock")
    backoff: Duration = Duration(5_000_000)

    def __post_init__(self) -> None:
        if not 2 <= self.attempts <= 100:
            msg = "`attempts` counts the first one too and must lie in 2 .. 100"
            raise ValueError(msg)
        if not self.on:
            msg = "`on` names no error to retry"
            raise ValueError(msg)
