"""What a scenario says about how an operation may end: refused on purpose, or lost against others and run again."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from bench.model.ports import NotRefused
from bench.model.sample import Outcome

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable

    from bench.model.ports import Arguments, Execute
    from bench.model.retry import Retry
    from bench.model.scenario import Operation

    Classify = Callable[[BaseException], Outcome | None]


def pauses_s(retry: Retry) -> list[float]:
    """Return the pause after each attempt but the last."""
    return [retry.backoff.seconds * 2**attempt for attempt in range(retry.attempts - 1)]


def is_worth_retrying(retry: Retry, outcome: Outcome | None) -> bool:
    """Tell whether an attempt that ended like this is made again."""
    return outcome is not None and outcome.label in retry.on


def attempt(operation: Operation, execute: Execute, classify: Classify, retries: Counter[str]) -> Execute:
    """Return ``execute`` as the operation wants it to end; unchanged where it wants nothing special.

    ``retries`` counts, by operation, the attempts that were made again.
    """
    if operation.expect == "constraint":
        return _refused(execute, classify)
    if operation.retry is not None:
        return _retried(operation.name, operation.retry, execute, classify, retries)
    return execute


def _refused(execute: Execute, classify: Classify) -> Execute:
    async def expect_refusal(connection: object, arguments: Arguments) -> int:
        try:
            await execute(connection, arguments)
        except Exception as error:
            if classify(error) is Outcome.CONSTRAINT:
                return 1
            raise
        raise NotRefused

    return expect_refusal


def _retried(name: str, retry: Retry, execute: Execute, classify: Classify, retries: Counter[str]) -> Execute:
    pauses = pauses_s(retry)

    async def try_again(connection: object, arguments: Arguments) -> int:
        for pause_s in pauses:
            try:
                return await execute(connection, arguments)
            except Exception as error:
                if not is_worth_retrying(retry, classify(error)):
                    raise
            retries[name] += 1
            await asyncio.sleep(pause_s)
        return await execute(connection, arguments)

    return try_again
