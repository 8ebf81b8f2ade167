"""What the parent tells a worker and what a worker answers. Sent as pickles over a private pipe, never as arguments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.model.scenario import ClosedLoop, OpenLoop, UserLoop

if TYPE_CHECKING:
    from bench.design.parameters import Populations
    from bench.model.endpoint import Endpoint
    from bench.model.facts import WorkerFacts
    from bench.model.sample import Outcome
    from bench.model.scenario import Scenario


DRAIN_NS = 5_000_000_000
"""How long operations in flight at the end may take before they are cut off and recorded as unfinished."""


@dataclass(frozen=True, slots=True)
class Share:
    """One worker's part of the pool and the load."""

    worker: int
    workers: int
    pool_size: int
    clients: int
    """Clients, users, or places in flight, by load model."""
    rate_share: float
    """Part of an open loop's rate."""


@dataclass(frozen=True, slots=True)
class Job:
    """Everything a worker needs for one trial."""

    endpoint: Endpoint
    scenario: Scenario
    populations: Populations
    share: Share
    seed: int
    drain_ns: int = DRAIN_NS


@dataclass(frozen=True, slots=True)
class Ready:
    """The pool is open and warm, the arguments are drawn."""

    versions: dict[str, str]


@dataclass(frozen=True, slots=True)
class Failed:
    """The worker could not begin or go on. The texts hold no secret."""

    problem: str
    evidence: str
    remedy: str
    bug: bool = False


@dataclass(frozen=True, slots=True)
class Done:
    """Samples as the bytes of an ``(n, 7)`` int64 array on the machine's monotonic clock, and the worker's facts."""

    rows: bytes
    facts: WorkerFacts
    examples: dict[Outcome, str]
    """What the first failed operation of each kind was told."""


def split_evenly(total: int, parts: int) -> list[int]:
    """Divide ``total`` into ``parts`` whole numbers that differ by at most one."""
    base, extra = divmod(total, parts)
    return [base + (part < extra) for part in range(parts)]


def divide(scenario: Scenario, workers: int) -> list[Share]:
    """Divide pool and load over at most ``workers`` workers, the load in proportion to each worker's connections.

    A worker without a connection or a client would be idle, so there are never more workers than either.
    """
    match scenario.load:
        case ClosedLoop(clients=clients):
            load = clients
        case OpenLoop(max_in_flight=places):
            load = places
        case UserLoop(users=users):
            load = users
    count = max(1, min(workers, scenario.pool.size, load))
    sizes = split_evenly(scenario.pool.size, count)
    bounds = [round(load * sum(sizes[:part]) / scenario.pool.size) for part in range(count + 1)]
    return [
        Share(part, count, sizes[part], bounds[part + 1] - bounds[part], sizes[part] / scenario.pool.size)
        for part in range(count)
    ]
