"""Where the time of an operation goes, from intended start to released connection, in seconds per operation.

    schedule_lag | pool_wait | pooler_wait | server | driver_and_wire | release | unexplained

The first three instants and the last two are the client's own: schedule lag, pool wait, service time and release are
exact means of good operations. Service time is then divided by counters of pgBouncer and PostgreSQL:

* ``pooler_wait``: difference of ``total_wait_time`` per assignment, times the assignments made inside service time.
  A reset query needs an assignment too; its wait belongs to ``release``, so the parts do not overlap. The counter grows
  only when a server is assigned: clients that gave up are absent.
* ``server``: execution time in pg_stat_statements of what the load's role ran, without the reset query. Planning,
  commit and network are not in it.
* ``driver_and_wire``: the rest of service time.
* ``unexplained``: what the counters claim beyond service time. It is negative then, and ``driver_and_wire`` is zero.

The parts add up to the mean time from intended start to release.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.analysis.statements import StatementTimes
    from bench.model.facts import PoolerFacts

PARTS = ("schedule_lag", "pool_wait", "pooler_wait", "server", "driver_and_wire", "release", "unexplained")
_NO_OPERATIONS = "no operation ended well in the window"
_NO_STATISTICS = "pg_stat_statements was not read"
_NO_POOLER_COUNTERS = "the pooler counts no waits, or they were not read (SHOW STATS)"


@dataclass(frozen=True, slots=True)
class ClientMeans:
    """Means over the good operations of the window, in seconds."""

    schedule_lag_s: float
    pool_wait_s: float
    service_s: float
    hold_s: float


@dataclass(frozen=True, slots=True)
class Counted:
    """What the counters say of the operations that ended between their two readings."""

    assignments: float | None
    """Server connections assigned per operation; None where the pooler does not count them (before 1.23)."""
    wait_s: float | None
    """Time per operation in which a client of the pooler waited for a server; None where it was not read."""
    server_s: float | None
    release_server_s: float
    release_calls: float
    """Reset queries per operation."""


@dataclass(frozen=True, slots=True)
class Split:
    """Seconds per operation by part. A part that cannot be told is in ``refused`` with the reason."""

    parts: Mapping[str, float]
    refused: Mapping[str, str] = field(default_factory=dict)
    release_calls: float = 0.0
    release_server_s: float = 0.0


def count_per_operation(pooler: PoolerFacts, column: str, operations: int) -> float | None:
    """Return the difference of a SHOW STATS column per operation; None where there is no such column or no operation.

    Convention: operations that ended, well or badly, on a connection, between the two readings. pgBouncer counts a
    query when the server is ready for the next one, so BEGIN and COMMIT count, and so does a reset query; a
    Parse/Describe ended by Flush is a round trip it does not count. What is in flight at the readings makes an error of
    at most clients / operations.
    """
    if operations == 0 or column not in pooler.stats:
        return None
    return pooler.stats[column] / operations


def count_waits(pooler: PoolerFacts | None, operations: int, *, pooled: bool) -> tuple[float | None, float | None]:
    """Return assignments and seconds of waiting in the pooler per operation; no pooler, no wait."""
    if not pooled:
        return None, 0.0
    if pooler is None:
        return None, None
    wait_us = count_per_operation(pooler, "total_wait_time", operations)
    assignments = count_per_operation(pooler, "total_server_assignment_count", operations)
    return assignments, None if wait_us is None else wait_us / 1e6


def split_latency(client: ClientMeans | None, counted: Counted) -> Split:
    """Divide the mean operation of one trial."""
    if client is None:
        return Split({}, dict.fromkeys(PARTS, _NO_OPERATIONS))
    parts = {
        "schedule_lag": client.schedule_lag_s,
        "pool_wait": client.pool_wait_s,
        "release": client.hold_s - client.service_s,
    }
    refused = {}
    wait_s = _wait_in_service(counted)
    if wait_s is None:
        refused["pooler_wait"] = _NO_POOLER_COUNTERS
    else:
        parts["pooler_wait"] = wait_s
    if counted.server_s is None:
        refused["server"] = _NO_STATISTICS
    else:
        parts["server"] = counted.server_s
    if wait_s is None or counted.server_s is None:
        missing = "; ".join(refused.values())
        refused |= dict.fromkeys(("driver_and_wire", "unexplained"), f"service time cannot be divided: {missing}")
    else:
        rest = client.service_s - wait_s - counted.server_s
        parts["driver_and_wire"] = max(0.0, rest)
        parts["unexplained"] = min(0.0, rest)
    ordered = {name: parts[name] for name in PARTS if name in parts}
    return Split(ordered, refused, counted.release_calls, counted.release_server_s)


def operation_split(client: ClientMeans | None, times: StatementTimes | None, name: str, operations: int) -> Split:
    """Divide one operation of several: counters that do not tell operations apart give no part of it."""
    server_s = times.operations_s.get(name) if times and operations else None
    split = split_latency(client, Counted(None, None, None if server_s is None else server_s / operations, 0.0, 0.0))
    if client is None:
        return split
    reasons = {
        "pooler_wait": "the pooler's counters do not tell operations apart",
        "server": "its statements are shared with another operation, or pg_stat_statements shows none of them",
    }
    refused = {part: reasons.get(part, "the pooler's counters do not tell operations apart") for part in split.refused}
    return Split(split.parts, refused)


def _wait_in_service(counted: Counted) -> float | None:
    if counted.wait_s is None or not counted.assignments:
        return counted.wait_s
    in_release = min(1.0, counted.release_calls / counted.assignments)
    return counted.wait_s * (1 - in_release)
