"""The faults: what is broken under a run, and what is promised for it."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.faults import processes, servers
from tests.faults.table import Promise

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from tests.faults.bed import Bed, Running

DONE = (0, 4)
"""A run of three trials may be inconclusive."""


@dataclass(frozen=True)
class Fault:
    """``story`` starts a run, breaks something under it and yields the run; then it mends what was broken."""

    name: str
    story: Callable[[Bed], Generator[Running]]
    promise: Promise
    attached: bool = True
    """The run uses the bed's servers; else it starts its own."""


KILLED = Promise((-9,), ("interrupted",), resumed=True)
INTERRUPTED = Promise((130,), ("interrupted",), resumed=True)
FAULTS = (
    Fault(
        "PostgreSQL killed (-9) and started again",
        servers.server_killed_and_restarted,
        Promise(DONE, ("server-lost", "outage"), ("connection_lost", "refused"), recovers=True),
    ),
    Fault(
        "PostgreSQL killed (-9) and started again, behind pgBouncer",
        servers.server_killed_and_restarted_behind_pooler,
        Promise(DONE, ("server-lost", "outage"), ("connection_lost", "refused", "sql_error"), recovers=True),
    ),
    Fault(
        "the run's own PostgreSQL killed (-9)",
        servers.own_server_killed,
        Promise((3,), ("failed",), resumed=True),
        attached=False,
    ),
    Fault("server frozen for 1 s", servers.server_frozen, Promise(DONE, ("outage",), recovers=True)),
    Fault("backends terminated", servers.backends_killed, Promise(DONE, outcomes=("connection_lost",))),
    Fault("too many connections", servers.connections_refused, Promise(DONE, ("errors",), ("refused",))),
    Fault("statement timeout", servers.statement_timeout, Promise(DONE, ("errors",), ("query_timeout",))),
    Fault("deadlock", servers.deadlocks, Promise(DONE, ("errors",), ("deadlock",))),
    Fault("serialization failure", servers.serialization_failures, Promise(DONE, ("errors",), ("serialization",))),
    Fault(
        "pgBouncer killed (-9) and started again",
        servers.pooler_killed_and_restarted,
        Promise(DONE, ("pooler-lost", "outage"), ("connection_lost", "refused"), recovers=True),
    ),
    Fault("pgBouncer PAUSE for 1 s, RESUME", servers.pooler_paused, Promise(DONE, ("outage",), recovers=True)),
    Fault("pgBouncer RECONNECT", servers.pooler_reconnects, Promise(DONE)),
    Fault(
        "query_wait_timeout",
        servers.query_wait_timeout,
        Promise(DONE, ("outage",), ("pool_timeout",), recovers=True),
    ),
    Fault("connections reset by a proxy", servers.connections_reset, Promise(DONE, outcomes=("connection_lost",))),
    Fault("50 ms delay added by a proxy", servers.network_slow, Promise(DONE, ("no-steady-state",))),
    Fault("worker killed (-9)", processes.worker_killed, Promise(DONE, ("second-try",))),
    Fault("worker out of memory", processes.worker_out_of_memory, Promise(DONE, ("second-try",))),
    Fault("Ctrl-C", processes.signalled(signal.SIGINT), INTERRUPTED),
    Fault("Ctrl-C twice", processes.signalled(signal.SIGINT, signal.SIGINT), INTERRUPTED),
    Fault("Ctrl-C three times", processes.signalled(*[signal.SIGINT] * 3), Promise((130,), resumed=True)),
    Fault("SIGTERM", processes.signalled(signal.SIGTERM), INTERRUPTED),
    Fault("terminal closed (SIGHUP)", processes.terminal_closed, INTERRUPTED),
    Fault("the run itself killed (-9)", processes.signalled(signal.SIGKILL), KILLED),
    Fault("two runs at once in one folder", processes.two_runs_in_one_folder, Promise(DONE)),
    Fault("a run taken up while it runs", processes.two_resumes_of_one_run, Promise(DONE)),
    Fault("wall clock set back by 1 h, then 1 day ahead", processes.clock_stepped, Promise(DONE, ("clock-stepped",))),
    Fault("disk of the results full", processes.disk_full, Promise((3,), ("interrupted",), resumed=True)),
    Fault("limit of open files reached", processes.few_descriptors, Promise((2, 3), refused=True)),
)
