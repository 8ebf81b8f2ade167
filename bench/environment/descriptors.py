"""How many files a process may open, read before a load needs them.

A pgBouncer that has used up its limit does not refuse the next client: it no longer accepts, the kernel goes on taking
connections into the backlog, and both sides wait without an error. So the limit has to be read beforehand.
"""

from __future__ import annotations

import resource
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import psycopg
from psycopg.rows import dict_row

from bench.environment.connection import connected

if TYPE_CHECKING:
    from bench.model.endpoint import Endpoint

PROGRAM = "pgbouncer"


@dataclass(frozen=True, slots=True)
class PoolerLimits:
    """What one pgBouncer process can take. None is what could not be read."""

    pid: int | None
    descriptors: int | None
    """Its soft limit of open files."""
    max_clients: int | None
    """``max_client_conn``, which it enforces with an error."""


def own_limit() -> int:
    """Return how many files one of our processes may open: workers raise their soft limit to the hard one."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return sys.maxsize if hard == resource.RLIM_INFINITY else hard


def soft_limit(pid: int) -> int | None:
    """Return how many files a process may open now, None where it is gone or says nothing. Needs no rights."""
    try:
        lines = Path(f"/proc/{pid}/limits").read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        if line.startswith("Max open files"):
            word = line.removeprefix("Max open files").split()[0]
            return int(word) if word.isdigit() else None
    return None


def running_poolers() -> dict[int, int | None]:
    """Return the soft limit of every pgBouncer on this machine, by process id."""
    return {
        process.pid: soft_limit(process.pid)
        for process in psutil.process_iter(["name"])
        if process.info["name"] == PROGRAM
    }


def listener(port: int) -> int | None:
    """Return the process that listens on a port of this machine, None where the kernel does not tell us.

    It tells root and the process's owner. Where there is only one pgBouncer, that is the one.
    """
    try:
        found = {
            entry.pid
            for entry in psutil.net_connections("tcp")
            if entry.status == "LISTEN" and entry.laddr and entry.laddr.port == port
        }
    except psutil.AccessDenied:
        found = set()
    if found and None not in found:
        return min(pid for pid in found if pid is not None)
    poolers = running_poolers()
    return next(iter(poolers)) if len(poolers) == 1 else None


def read_limits(pooler: Endpoint, console: Endpoint | None) -> PoolerLimits:
    """Read the limits of an attached pooler: from its process where that is here, from its console where named."""
    here = pooler.host.startswith(("127.", "/")) or pooler.host in ("localhost", "::1", "")
    pid = listener(pooler.port) if here else None
    return PoolerLimits(pid, None if pid is None else soft_limit(pid), _max_clients(console))


def _max_clients(console: Endpoint | None) -> int | None:
    if console is None:
        return None
    try:
        with connected(console, row_factory=dict_row) as connection:
            rows = {row["key"]: row["value"] for row in connection.execute("SHOW CONFIG").fetchall()}
    except psycopg.Error:  # a user in `stats_users` may not see the configuration
        return None
    return int(rows["max_client_conn"])
