"""What the command line's process and the master's process tell each other over their private pipe."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from bench.model.endpoint import Endpoint

if TYPE_CHECKING:
    from bench.design.parameters import Populations
    from bench.load.job import Failed, Share
    from bench.load.swarm.wire import Finished
    from bench.model.scenario import Scenario


class WorkerSettings(msgspec.Struct, frozen=True):
    """What a worker process reads from its standard input: it holds a password, so it is no argument."""

    master_host: str
    master_port: int
    parent: int
    direct: Endpoint | None
    pooled: Endpoint | None


@dataclass(frozen=True, slots=True)
class MasterSettings:
    """Where the master listens, and where its web page, if any."""

    host: str
    port: int
    """0 for any free one."""
    web: tuple[str, int] | None


@dataclass(frozen=True, slots=True)
class Listening:
    """The master is up."""

    port: int


@dataclass(frozen=True, slots=True)
class Order:
    """One trial. The master answers ``Prepared`` or ``Failed``; told the start in ns, ``Gathered`` or ``Failed``."""

    scenario: Scenario
    populations: Populations
    seed: int
    drain_ns: int
    expected: int
    wait_s: float
    """How long to wait for so many workers; after that it goes on with those that came."""
    least: int
    """Fewer than these are a failure."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """All workers have their pools open and warm, and their users wait for the start."""

    versions: dict[str, str]
    workers: int
    barrier_ns: int
    """How far ahead the start must be announced for the farthest worker to hear of it in time."""


@dataclass(frozen=True, slots=True)
class Abort:
    """The trial will not be started."""


@dataclass(frozen=True, slots=True)
class Returned:
    """What one worker brought back. Without ``finished`` it was lost, or it ``failed``."""

    host: str
    share: Share
    parts: tuple[bytes, ...]
    """Packed samples in order, instants from the start, up to the first part that never came."""
    finished: Finished | None
    failed: Failed | None
    heard_ns: int
    """When it was last heard of, from the start."""
    clock_error_ns: int
    """The most by which its start may have differed from the common one: half a round trip."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """What all workers of a trial brought back."""

    workers: tuple[Returned, ...]
    late: tuple[str, ...]
    """Hosts of workers that came when the trial had begun, and carried no load in it."""
    idle: tuple[str, ...]
    """Hosts of workers for which there was neither a connection nor a client."""
