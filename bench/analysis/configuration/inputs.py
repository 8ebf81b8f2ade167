"""What configuration is computed from: the machine as its host facts tell it, and what only its user knows."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import msgspec

from bench.stats.queueing import pool_size_prior

if TYPE_CHECKING:
    from bench.model.facts import HostSummary

Workload = Literal["oltp", "web", "mixed", "dw"]
Storage = Literal["hdd", "ssd", "nvme", "san"]
RESERVED = 3
"""``superuser_reserved_connections`` as the server has it by default."""


class Inputs(msgspec.Struct, frozen=True, kw_only=True):
    """Facts and wishes. None is "not known": a formula that needs it is left out or says so."""

    cores: int
    memory_bytes: int
    workload: Workload = "oltp"
    storage: Storage = "ssd"
    pooler_version: tuple[int, int] = (1, 24)
    max_connections: int | None = None
    clients: int = 100
    """Connections that all applications together open to the pooler."""
    pool_size: int | None = None
    pool_status: str = "given"
    """Where ``pool_size`` comes from, as a setting's status."""
    pools: int = 1
    """Pairs of database and user: each has a pool of its own."""
    processes: int = 1
    """pgBouncer processes in front of the server."""
    direct: int = 10
    """Connections that go past the pooler: migrations, monitoring, people."""
    data_bytes: int | None = None
    wal_disk_bytes: int | None = None
    budget_s: float | None = None
    statements: int | None = None
    """Distinct prepared statements of the applications."""
    relations: int | None = None
    """Tables, partitions and indexes that one transaction may lock."""
    descriptors: int | None = None

    @property
    def server_pool(self) -> int:
        """Server connections of one pool: what was given or measured, else cores x 2 + 1."""
        return self.pool_size or pool_size_prior(self.cores)

    @property
    def pooled(self) -> int:
        """Server connections of all pools of all pooler processes."""
        return self.processes * self.pools * self.server_pool

    @property
    def connections(self) -> int:
        """``max_connections``: what was given, else room for the pools, the direct ones and the reserved ones."""
        needed = self.pooled + self.direct + RESERVED
        return self.max_connections or max(100, math.ceil(needed / 10) * 10)

    @property
    def fits_memory(self) -> bool | None:
        """Whether the data fit into memory, None where their size is not known."""
        return None if self.data_bytes is None else self.data_bytes < self.memory_bytes


def usable(host: HostSummary) -> tuple[int, int]:
    """Return the cores and the bytes of memory a server may use: the machine's, or its control group's share."""
    memory = min(host.memory_bytes, int(host.details.get("memory_limit_bytes", host.memory_bytes)))
    limit = float(host.details.get("cpu_limit_cores", host.cores))
    return max(1, math.floor(min(host.cores, limit))), memory


def descriptors_of(host: HostSummary) -> int | None:
    """Return the hard limit on open files, None where the facts do not tell or it is unlimited."""
    hard = host.details.get("file_descriptors", {}).get("hard")
    return hard if isinstance(hard, int) and hard > 0 else None
