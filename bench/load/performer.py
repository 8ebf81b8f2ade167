"""One operation, from intended start to released connection: the only hot path, shared by all load models."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from bench.model.sample import MISSING_NS, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator, Sequence

    from bench.model.ports import Arguments, Execute, OpenPool
    from bench.model.scenario import Operation

_OK = int(Outcome.OK)
_NO_ROWS = int(Outcome.NO_ROWS)
_UNFINISHED = int(Outcome.UNFINISHED)


def first_line(error: BaseException) -> str:
    """Return what a server or a library said, without the details below it: those may hold rows of the database."""
    return next(iter(str(error).splitlines()), "") or type(error).__name__


def needs_rows(operation: Operation) -> bool:
    """Tell whether an empty answer means that the arguments missed the data."""
    last = operation.steps[-1].sql.strip().casefold()
    return not operation.empty_ok and (last.startswith(("select", "with", "table")) or "returning" in last)


def _judgement(pool: OpenPool, examples: dict[Outcome, str]) -> Callable[[Exception], int]:
    def judge(error: Exception) -> int:
        outcome = pool.classify(error)
        if outcome is None:
            raise error
        if outcome not in examples:
            examples[outcome] = first_line(error)
        return int(outcome)

    return judge


def build_performer(
    *,
    now: Callable[[], int],
    pool: OpenPool,
    mix: Iterator[int],
    executes: Sequence[Execute],
    arguments: Sequence[Iterator[Arguments]],
    needs_rows: Sequence[bool],
    record: Callable[[tuple[int, ...]], None],
    examples: dict[Outcome, str] | None = None,
) -> Callable[[int], Coroutine[None, None, None]]:
    """Return ``perform(intended_ns)``, which runs and records the next operation of the mix.

    A foreign error becomes an outcome by the driver's table; one that the table does not know is raised, because it is
    a bug of ours. An operation cut off by the end of the trial is recorded as unfinished. ``examples`` receives the
    text of the first error of each kind.
    """
    acquire, release = pool.acquire, pool.release
    judge = _judgement(pool, {} if examples is None else examples)

    async def perform(intended: int) -> None:
        operation = next(mix)
        values = next(arguments[operation])
        acquired = completed = released = MISSING_NS
        outcome = _OK
        dispatched = now()
        try:
            connection = await acquire()
            acquired = now()
            try:
                rows = await executes[operation](connection, values)
                completed = now()
                if not rows and needs_rows[operation]:
                    outcome = _NO_ROWS
            except Exception as error:  # noqa: BLE001 - `judge` raises it again if it is a bug of ours
                completed = now()
                outcome = judge(error)
            # Not in a `finally`: who is cut off at the end of the trial must not wait for a server that stands still.
            await release(connection)
            released = now()
        except asyncio.CancelledError:
            record((intended, dispatched, acquired, completed, released, operation, _UNFINISHED))
            raise
        except Exception as error:  # noqa: BLE001 - the same
            failure = judge(error)
            if completed == MISSING_NS:  # failed to get a connection
                completed = now()
            outcome = outcome if outcome != _OK else failure
        record((intended, dispatched, acquired, completed, released, operation, outcome))

    return perform
