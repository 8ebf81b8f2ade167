"""pgBouncer settings by formula.

Source: https://www.pgbouncer.org/config.html (13a344f, 2026-07-10); the capacity identity
processes x pools x (pool size + reserve) + direct <= max_connections - reserved.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from bench.analysis.configuration.inputs import RESERVED
from bench.analysis.configuration.setting import GIVEN, RULE_OF_THUMB, Configuration, Setting, gigabytes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.analysis.configuration.inputs import Inputs

CONFIG = "https://www.pgbouncer.org/config.html"
TRACKS_STATEMENTS = (1, 21)
OTHER_DESCRIPTORS = 100
"""Logs, listeners, DNS and console connections."""
DEFAULT_STATEMENTS = 200
WAIT_PER_BUDGET = 10
"""A request that waited ten times its budget for a server is lost: nobody reads its answer any more."""
WAIT_WITHOUT_BUDGET_S = 30
_LEFT_ALONE = {
    "reserve_pool_size": "0: a reserve is opened only after reserve_pool_timeout, when a burst is over",
    "server_idle_timeout": "600 s: shorter ones make connect churn under bursts",
    "server_lifetime": "3600 s",
}


def recommend_pgbouncer(inputs: Inputs) -> Configuration:
    """Return a whole ``pgbouncer.ini``, but for the users' passwords, which stay in ``auth_file``."""
    left = dict(_LEFT_ALONE)
    if inputs.pooler_version < TRACKS_STATEMENTS:
        left["max_prepared_statements"] = "not before 1.21: no prepared statements behind transaction pooling"
    groups = (_place, _sizes, _clients, _waits, _statements)
    return Configuration(
        target="pgbouncer",
        version=".".join(map(str, inputs.pooler_version)),
        facts={
            "cores": str(inputs.cores),
            "memory": gigabytes(inputs.memory_bytes),
            "max_connections": str(inputs.connections),
            "clients": str(inputs.clients),
        },
        settings=tuple(setting for group in groups for setting in group(inputs)),
        left_alone=left,
        notes=tuple(_notes(inputs)),
    )


def largest_pool(inputs: Inputs) -> int:
    """Return the largest pool size that the server has room for (the identity above, solved for the size)."""
    room = inputs.connections - RESERVED - inputs.direct
    return max(1, room // (inputs.processes * inputs.pools))


def pool_size(inputs: Inputs) -> int:
    """Return the wanted size, or the largest that the server has room for."""
    return min(inputs.server_pool, largest_pool(inputs))


def max_client_connections(inputs: Inputs) -> int:
    """Return room for all clients of one process and a fifth more, as far as the descriptors reach."""
    wanted = max(100, math.ceil(1.2 * inputs.clients / inputs.processes))
    if inputs.descriptors is None:
        return wanted
    return max(1, min(wanted, inputs.descriptors - inputs.pools * pool_size(inputs) - OTHER_DESCRIPTORS))


def query_wait_timeout_s(budget_s: float | None) -> int:
    """Return ten budgets, at least 1 s; 30 s without a budget."""
    return WAIT_WITHOUT_BUDGET_S if budget_s is None else max(1, math.ceil(WAIT_PER_BUDGET * budget_s))


def statements_tracked(statements: int | None) -> int:
    """Return twice the distinct statements, at least pgBouncer's own 200."""
    return max(DEFAULT_STATEMENTS, 2 * (statements or 0))


def _notes(inputs: Inputs) -> Iterator[str]:
    size = pool_size(inputs)
    used = inputs.processes * inputs.pools * size
    room = inputs.connections - RESERVED - inputs.direct
    sign = "<=" if used <= room else ">"
    yield (
        f"Capacity: {inputs.processes} processes x {inputs.pools} pools x {size} = {used} {sign} {room} = "
        f"max_connections {inputs.connections} - {RESERVED} reserved - {inputs.direct} direct."
    )
    if size < inputs.server_pool:
        yield f"A pool of {inputs.server_pool} was wanted; the server has room for {size}."
    wanted = max(100, math.ceil(1.2 * inputs.clients / inputs.processes))
    if max_client_connections(inputs) < wanted:
        yield f"{inputs.descriptors} descriptors do not reach for {wanted} clients: raise LimitNOFILE."


def _place(inputs: Inputs) -> Iterator[Setting]:
    del inputs
    values = {
        "listen_addr": "127.0.0.1",
        "listen_port": "6432",
        "auth_type": "scram-sha-256",
        "auth_file": "/etc/pgbouncer/userlist.txt",
    }
    for name, value in values.items():
        yield Setting(name=name, value=value, formula="yours to say", inputs={}, source=CONFIG, place=True)
    yield Setting(
        name="pool_mode",
        value="transaction",
        formula="transaction: a server connection serves whoever has a transaction open",
        inputs={},
        source=CONFIG,
    )


def _sizes(inputs: Inputs) -> Iterator[Setting]:
    capacity = {"max_connections": str(inputs.connections), "direct": str(inputs.direct), "pools": str(inputs.pools)}
    yield Setting(
        name="default_pool_size",
        value=str(pool_size(inputs)),
        formula="min(pool size, (max_connections - reserved - direct) / (processes x pools)); "
        "pool size = cores x 2 + 1 unless measured",
        inputs={"cores": str(inputs.cores), "pool size": str(inputs.server_pool), **capacity},
        source="https://wiki.postgresql.org/wiki/Number_Of_Database_Connections; one pool a pair of database and user",
        status=RULE_OF_THUMB if inputs.pool_size is None else inputs.pool_status,
    )
    yield Setting(
        name="max_db_connections",
        value=str(max(pool_size(inputs), (inputs.connections - RESERVED - inputs.direct) // inputs.processes)),
        formula="(max_connections - reserved - direct) / processes: the hard cap, whatever users appear",
        inputs=capacity,
        source=CONFIG,
    )


def _clients(inputs: Inputs) -> Iterator[Setting]:
    known = "not known" if inputs.descriptors is None else str(inputs.descriptors)
    yield Setting(
        name="max_client_conn",
        value=str(max_client_connections(inputs)),
        formula="max(100, 1.2 x clients / processes), at most descriptors - pools x pool size - 100",
        inputs={"clients": str(inputs.clients), "processes": str(inputs.processes), "descriptors": known},
        source=f"{CONFIG}#max_client_conn: descriptors >= max_client_conn + server connections",
    )
    if inputs.processes > 1:
        yield Setting(
            name="so_reuseport",
            value="1",
            formula="1 where several processes listen on one port",
            inputs={"processes": str(inputs.processes)},
            source=f"{CONFIG}#so_reuseport",
        )


def _waits(inputs: Inputs) -> Iterator[Setting]:
    budget = "not given" if inputs.budget_s is None else f"{inputs.budget_s:g} s"
    yield Setting(
        name="query_wait_timeout",
        value=str(query_wait_timeout_s(inputs.budget_s)),
        formula="max(1 s, 10 x budget), 30 s without a budget; the default of 120 s hides overload",
        inputs={"budget": budget},
        source=f"{CONFIG}#query_wait_timeout",
    )


def _statements(inputs: Inputs) -> Iterator[Setting]:
    if inputs.pooler_version < TRACKS_STATEMENTS:
        return
    yield Setting(
        name="max_prepared_statements",
        value=str(statements_tracked(inputs.statements)),
        formula="max(200, 2 x distinct statements)",
        inputs={"statements": "not given" if inputs.statements is None else str(inputs.statements)},
        source=f"{CONFIG}#max_prepared_statements",
        status=RULE_OF_THUMB if inputs.statements is None else GIVEN,
    )
