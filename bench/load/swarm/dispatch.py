"""Who gets how many users: fixed for the trial.

Locust's own dispatcher spreads users evenly, spreads them anew when a worker comes or goes, and so would move a lost
worker's load to the others in mid-trial, unseen. Here every worker has the users that belong to its connections, a lost
one's are gone, and a late one waits for the next trial.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from locust import User
    from locust.runners import WorkerNode


class FixedShares:
    """Stands in for ``locust.dispatch.UsersDispatcher``. ``shares`` maps a worker's id to its number of users."""

    dispatch_in_progress = True
    """Said of a whole trial: whoever comes meanwhile must not start a new dispatch."""

    def __init__(
        self, shares: Mapping[str, int], worker_nodes: list[WorkerNode], user_classes: list[type[User]]
    ) -> None:
        del worker_nodes
        self._shares = shares
        self._user_class = user_classes[0].__name__

    def new_dispatch(
        self, target_user_count: int, spawn_rate: float, user_classes: list[type[User]] | None = None
    ) -> None:
        """Ignore what the web page asks for: the scenario states the load."""

    def __iter__(self) -> Iterator[dict[str, dict[str, int]]]:
        """Give everybody all users at once: they wait for the common start."""
        yield {worker: {self._user_class: users} for worker, users in self._shares.items()}

    def add_worker(self, worker_node: WorkerNode) -> None:
        """Leave the shares alone."""

    def remove_worker(self, worker_node: WorkerNode) -> None:
        """Leave the shares alone."""
