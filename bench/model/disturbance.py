"""What a run does on purpose to the servers under its load, and what was done."""

from __future__ import annotations

from typing import Literal

import msgspec

from bench.model.units import Duration

Kind = Literal["restart_pooler", "pause_pooler", "drop_connections"]
WORDS: dict[str, str] = {
    "restart_pooler": "pgBouncer was restarted",
    "pause_pooler": "pgBouncer was paused",
    "drop_connections": "the server dropped all connections of the load",
}
LONGEST_NS = 60_000_000_000


class Disturbance(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing done to the embedded servers, ``at`` that far into the window of every trial.

    ``restart_pooler``: pgBouncer ends at once and is away for ``lasts``. ``pause_pooler``: it holds all clients back
    for ``lasts``. ``drop_connections``: the server ends every session of the load's role.
    """

    kind: Kind
    at: Duration
    lasts: Duration = Duration(0)

    def check(self, *, window_ns: int, pooled: bool) -> None:
        """Raise ``ValueError`` where it cannot be done as it is written."""
        if self.at + self.lasts >= window_ns:
            raise ValueError(f"disturbance {self.kind!r}: `at` and `lasts` end after `run.window`, nothing can recover")
        if self.lasts > LONGEST_NS:
            raise ValueError(f"disturbance {self.kind!r}: `lasts` must be at most {Duration(LONGEST_NS)}")
        if self.kind == "drop_connections" and self.lasts:
            raise ValueError("disturbance 'drop_connections' happens at an instant: leave `lasts` out")
        if self.kind == "pause_pooler" and not self.lasts:
            raise ValueError("disturbance 'pause_pooler' needs `lasts`, as in \"1s\"")
        if self.kind != "drop_connections" and not pooled:
            raise ValueError(f'disturbance {self.kind!r} needs `pooler.kind = "pgbouncer"`')


class Disturbed(msgspec.Struct, frozen=True, kw_only=True):
    """What was done in one trial; instants in ns since the trial's start."""

    kind: Kind
    since_ns: int
    until_ns: int
    """When it was over: the pooler answered again, or every session had been told to end."""
