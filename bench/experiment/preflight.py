"""What can be known to fail is refused before anything runs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from bench.environment.observation import ServerObserver
from bench.model.errors import ScenarioError, SetupError
from bench.model.facts import Caveat

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bench.environment.descriptors import PoolerLimits
    from bench.experiment.target import Target
    from bench.model.scenario import Scenario

OWN_CONNECTIONS = 4
"""Our observers and what an engineer opens beside them to look."""
OWN_DESCRIPTORS = 100
"""Of a worker for its event loop, pipe and libraries; of a pooler for listeners, log and console."""
UNREAD_IS_RISKY = 900
"""More clients than the usual limit of 1,024 files allows."""


def server_connections(scenario: Scenario) -> int:
    """Return the server connections a treatment opens: the pooler's, or the pool's where there is no pooler."""
    if scenario.pooler.kind == "none" or scenario.pooler.size is None:
        return scenario.pool.size
    return scenario.pooler.size


def check_connections(scenarios: Iterable[Scenario], usable: int) -> None:
    """Refuse a treatment that needs more server connections than an ordinary role can have.

    ``usable`` is max_connections without the reserved ones: instances x pool sizes must fit into that.
    """
    needed = max(server_connections(scenario) for scenario in scenarios) + OWN_CONNECTIONS
    if needed > usable:
        raise ScenarioError(
            f"`pool.size` or `pooler.size` needs {needed} server connections, the server gives {usable}",
            evidence=f"{OWN_CONNECTIONS} of them are for observation; max_connections less reserved ones is {usable}",
            remedy=f"Use at most {usable - OWN_CONNECTIONS}, set a smaller `pooler.size`, or raise max_connections.",
        )


def check_counters(target: Target) -> None:
    """Read the server's counters once, as every trial will; raises ``SetupError`` with the cure where it may not."""
    ServerObserver(target.admin, target.direct.user, None).close()


def check_descriptors(scenarios: Sequence[Scenario], own: int, pooler: PoolerLimits | None) -> tuple[Caveat, ...]:
    """Refuse a treatment for which a worker or the pooler cannot open enough files; ``own`` is a worker's limit.

    Returns the doubt that remains where an attached pooler's limits could not be read.
    """
    pooled = [scenario for scenario in scenarios if scenario.pooler.kind == "pgbouncer"]
    _check_workers(scenarios, own)
    if pooler is None or not pooled:
        return ()
    clients = max(scenario.pool.size for scenario in pooled)
    needed = max(scenario.pool.size + server_connections(scenario) for scenario in pooled) + OWN_DESCRIPTORS
    if pooler.descriptors is not None and needed > pooler.descriptors:
        raise SetupError(
            f"the pooler may open {pooler.descriptors} files, and {clients} clients need {needed}",
            evidence=f"process {pooler.pid}: it would stop answering near {pooler.descriptors} clients, with no error "
            "on either side",
            remedy=f"At once: `prlimit --pid {pooler.pid} --nofile={2 * needed}`; for good: `LimitNOFILE={2 * needed}` "
            "in its systemd unit.",
        )
    if pooler.max_clients is not None and clients > pooler.max_clients:
        raise SetupError(
            f"the pooler takes {pooler.max_clients} clients, the scenario opens {clients}",
            evidence="`max_client_conn`",
            remedy=f"Set `max_client_conn = {clients + OWN_CONNECTIONS}` or more, and enough open files for them.",
        )
    if pooler.descriptors is None and clients > UNREAD_IS_RISKY:
        return (
            Caveat(
                code="pooler-limit-unknown",
                text=f"how many files the pooler may open could not be read, and {clients} clients will connect",
                cure=f"On its machine, see `grep 'open files' /proc/PID/limits`: {needed} are needed.",
            ),
        )
    return ()


def _check_workers(scenarios: Sequence[Scenario], own: int) -> None:
    """Look at those on this machine; Locust's may be on others, and say so themselves."""
    here = [scenario.pool for scenario in scenarios if scenario.pool.driver != "locust"]
    shares = (math.ceil(pool.size / (1 if pool.workers == "auto" else pool.workers)) for pool in here)
    needed = max(shares, default=0) + OWN_DESCRIPTORS
    if needed > own:
        raise SetupError(
            f"a worker may open {own} files, and its connections need {needed}",
            evidence="the hard limit of this process, to which workers raise theirs",
            remedy=f"Raise the hard limit (`ulimit -Hn {2 * needed}` as root, `LimitNOFILE=`), use more workers, or "
            "use a smaller pool.",
        )
