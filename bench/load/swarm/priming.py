"""Runs every read on every connection before the load, as ``bench.load.priming`` does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gevent.pool import Group

from bench.load.priming import OF_THE_STATEMENT, rounds

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.load.swarm.pool import Act, GreenPool
    from bench.model.ports import Arguments
    from bench.model.scenario import Scenario


def prime(
    pool: GreenPool, size: int, scenario: Scenario, acts: Sequence[Act], arguments: Sequence[Iterator[Arguments]]
) -> int:
    """Prime all ``size`` connections; returns the executions of every operation that each is sure to have behind it.

    Writes are not rehearsed: psycopg forgets a connection's prepared statements when a transaction is rolled back.
    """
    if not (scenario.pool.prewarm and scenario.pool.prime):
        return 0
    times = rounds(scenario.pool.driver)
    reads = [position for position, operation in enumerate(scenario.operation) if operation.is_read]
    connections = [pool.acquire() for _ in range(size)]

    def run(connection: object) -> int:
        return min(
            (sum(_succeeds(pool, acts[i], connection, next(arguments[i])) for _ in range(times)) for i in reads),
            default=0,
        )

    try:
        least = min(Group().map(run, connections))
    finally:
        for connection in connections:
            pool.release(connection)
    return least if len(reads) == len(scenario.operation) else 0


def _succeeds(pool: GreenPool, act: Act, connection: object, values: Arguments) -> bool:
    try:
        act(connection, values)
    except Exception as error:
        if pool.classify(error) in OF_THE_STATEMENT:
            return False
        raise
    return True
