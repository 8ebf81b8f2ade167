"""What a trial tells its collector and what the collector answers: pickles over a private pipe, never arguments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.model.endpoint import Endpoint
    from bench.model.facts import Caveat, PoolGauges
    from bench.model.timeline import Timeline

PERIOD_S = 0.25
"""Four readings a second: each costs some 3 ms of one core."""


@dataclass(frozen=True, slots=True)
class Order:
    """What to read. Process ids are None where the processes are not on this machine, or not ours to know."""

    admin: Endpoint
    load: Endpoint
    """The load's database and role."""
    poolers: tuple[tuple[Endpoint, int | None], ...]
    """The console and process id of each process of the pooler."""
    server_pid: int | None
    period_s: float = PERIOD_S


@dataclass(frozen=True, slots=True)
class Watching:
    """The collector is connected and waits for the window."""


@dataclass(frozen=True, slots=True)
class Begin:
    """The window begins. ``start_ns`` is the trial's start on the machine's monotonic clock."""

    start_ns: int
    workers: tuple[int, ...]
    """Process ids of the load's workers on this machine."""


@dataclass(frozen=True, slots=True)
class End:
    """The window is over."""


@dataclass(frozen=True, slots=True)
class Lost:
    """The collector could not go on. The text holds no secret."""

    reason: str


@dataclass(frozen=True, slots=True)
class Gathered:
    """What one trial's collector saw; without a timeline its notes say why."""

    timeline: Timeline | None = None
    gauges: tuple[PoolGauges, ...] = ()
    notes: tuple[Caveat, ...] = ()
