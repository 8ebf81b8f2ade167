"""One operation of a user under gevent, from intended start to released connection: the hot path of a Locust worker.

The same as ``bench.load.performer`` in blocking calls, which gevent turns into switches.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gevent import GreenletExit

from bench.load.performer import first_line
from bench.model.sample import MISSING_NS, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from bench.load.swarm.pool import Act, GreenPool
    from bench.model.ports import Arguments

_OK = int(Outcome.OK)
_NO_ROWS = int(Outcome.NO_ROWS)
_UNFINISHED = int(Outcome.UNFINISHED)

Row = tuple[int, int, int, int, int, int, int]


def build_performer(
    *,
    now: Callable[[], int],
    pool: GreenPool,
    mix: Iterator[int],
    acts: Sequence[Act],
    arguments: Sequence[Iterator[Arguments]],
    needs_rows: Sequence[bool],
    record: Callable[[Row], None],
    examples: dict[Outcome, str],
) -> Callable[[int], None]:
    """Return ``perform(intended_ns)``; see ``bench.load.performer.build_performer``."""
    acquire, release = pool.acquire, pool.release

    def judge(error: Exception) -> int:
        outcome = pool.classify(error)
        if outcome is None:
            raise error
        if outcome not in examples:
            examples[outcome] = first_line(error)
        return int(outcome)

    def perform(intended: int) -> None:
        operation = next(mix)
        values = next(arguments[operation])
        acquired = completed = released = MISSING_NS
        outcome = _OK
        dispatched = now()
        try:
            connection = acquire()
            acquired = now()
            try:
                rows = acts[operation](connection, values)
                completed = now()
                if not rows and needs_rows[operation]:
                    outcome = _NO_ROWS
            except Exception as error:  # noqa: BLE001 - `judge` raises it again if it is a bug of ours
                completed = now()
                outcome = judge(error)
            # Not in a `finally`: who is cut off at the end of the trial must not wait for a server that stands still.
            release(connection)
            released = now()
        except GreenletExit:
            record((intended, dispatched, acquired, completed, released, operation, _UNFINISHED))
            raise
        except Exception as error:  # noqa: BLE001 - the same
            failure = judge(error)
            if completed == MISSING_NS:  # failed to get a connection
                completed = now()
            outcome = outcome if outcome != _OK else failure
        record((intended, dispatched, acquired, completed, released, operation, outcome))

    return perform
