"""What can be known to fail is refused before anything runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.model.errors import ScenarioError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bench.model.scenario import Scenario

OWN_CONNECTIONS = 4
"""Our observers and what an engineer opens beside them to look."""


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
