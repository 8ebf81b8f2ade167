"""Runs every operation on every connection before the load, until neither driver nor server changes how it is run."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec

from bench.model.ports import NoRowToBind
from bench.model.sample import Outcome
from bench.model.scenario import Step

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.model.ports import Arguments, Execute, OpenPool
    from bench.model.scenario import Operation, Scenario

PLAN_THRESHOLD = 5
"""Executions of a prepared statement before PostgreSQL considers its generic plan (plancache.c)."""
PREPARE_THRESHOLDS = {"psycopg": 5, "locust": 5}
"""Executions before a driver prepares a statement at all; the others do so at once."""
FORGET_ON_ROLLBACK = frozenset({"psycopg", "locust"})
"""Drivers that drop all prepared statements of a connection when a transaction on it is rolled back."""
ROLLED_BACK = "poolbench_rolled_back"

OF_THE_STATEMENT = frozenset(
    {
        Outcome.QUERY_TIMEOUT,
        Outcome.CONSTRAINT,
        Outcome.SERIALIZATION,
        Outcome.DEADLOCK,
        Outcome.SQL_ERROR,
        Outcome.NO_ROWS,
    }
)
"""Ends that leave the connection usable: the load will meet them again, and count them."""


def rounds(driver: str) -> int:
    """Return how often a connection has to run a statement before its way of running can no longer change.

    psycopg counts, and prepares, a statement for each combination of its arguments' types, and a small whole number is
    of another type than a large one: arguments of mixed size take longer than this.
    """
    return PREPARE_THRESHOLDS.get(driver, 0) + PLAN_THRESHOLD + 1


def rehearsal(operation: Operation) -> Operation:
    """Return the operation as a transaction that always rolls back: its last step promises a row that never comes."""
    steps = (*operation.steps, Step(sql="SELECT 1 WHERE false", returns=(ROLLED_BACK,)))
    return msgspec.structs.replace(operation, sql=None, step=steps)


def _primers(scenario: Scenario, pool: OpenPool, executes: Sequence[Execute]) -> list[Execute | None]:
    """Return what primes each operation: reads as they are, the rest rolled back; nothing where that would not help."""
    transactions = scenario.pooler.kind == "none" or scenario.pooler.mode != "statement"
    rehearsable = transactions and scenario.pool.driver not in FORGET_ON_ROLLBACK
    return [
        execute if operation.is_read else pool.compile(rehearsal(operation)) if rehearsable else None
        for operation, execute in zip(scenario.operation, executes, strict=True)
    ]


async def prime(
    pool: OpenPool,
    size: int,
    scenario: Scenario,
    executes: Sequence[Execute],
    arguments: Sequence[Iterator[Arguments]],
) -> int:
    """Prime all ``size`` connections; returns the executions of every operation that each is sure to have behind it.

    A statement that fails does not count; a connection that fails is raised. Without ``pool.prewarm`` and
    ``pool.prime`` nothing is run.
    """
    if not (scenario.pool.prewarm and scenario.pool.prime):
        return 0
    connections = [await pool.acquire() for _ in range(size)]
    least = rounds(scenario.pool.driver)
    try:
        primers = _primers(scenario, pool, executes)
        for operation, primer, values in zip(scenario.operation, primers, arguments, strict=True):
            refused = operation.expect == "constraint"
            if primer is None:
                least = 0
                continue
            succeeded = [0] * size
            for _ in range(rounds(scenario.pool.driver)):
                ends = await asyncio.gather(
                    *(_succeeds(pool, primer, connection, next(values), refused=refused) for connection in connections),
                    return_exceptions=True,
                )
                for position, end in enumerate(ends):
                    if isinstance(end, BaseException):
                        raise end
                    succeeded[position] += end
            least = min(least, *succeeded)
    finally:
        for connection in connections:
            await pool.release(connection)
    return least


async def _succeeds(pool: OpenPool, primer: Execute, connection: object, values: Arguments, *, refused: bool) -> bool:
    try:
        await primer(connection, values)
    except NoRowToBind as missing:
        return bool(missing.args[0] == (ROLLED_BACK,))
    except Exception as error:
        outcome = pool.classify(error)
        if outcome in OF_THE_STATEMENT:
            return refused and outcome is Outcome.CONSTRAINT
        raise
    return True
