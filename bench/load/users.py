"""Many virtual users with think time on a small pool."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING

from bench.load.timetable import sleep_until

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from bench.load.timetable import Timetable


async def run_users(
    perform: Callable[[int], Coroutine[None, None, None]],
    timetable: Timetable,
    *,
    users: int,
    think_times_ns: Sequence[int],
    start_ns: int,
    end_ns: int,
) -> None:
    """Run ``users`` users that think, act and think again; thinking comes first, so that they do not all start at once.

    ``think_times_ns`` is drawn ahead and used as a ring. An action's intended start is the end of its thinking.
    """
    thinking = itertools.cycle(think_times_ns)

    async def user() -> None:
        intended = start_ns + next(thinking)
        while intended < end_ns:
            await sleep_until(timetable, intended)
            await perform(intended)
            intended = timetable.now() + next(thinking)

    async with asyncio.TaskGroup() as group:
        for _ in range(users):
            group.create_task(user())
