"""The embedded environment as a run sees it, without migrating or loading anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.environment.embedded import own_pids
from bench.experiment.target import Target

if TYPE_CHECKING:
    from bench.environment.embedded import Environment
    from bench.environment.pgpool import Pgpool


def target_of(environment: Environment, pgpool: Pgpool | None = None) -> Target:
    """Return the target that a run on this environment would have."""
    server_pid, pooler_pid = own_pids(environment)
    return Target(
        admin=environment.admin,
        direct=environment.app,
        pooled=environment.pooled,
        console=environment.pooler.console,
        server_pid=server_pid,
        pooler_pid=pooler_pid,
        environment=environment,
        pgpool=pgpool,
    )
