"""Closed loop: each client waits for its answer, then thinks."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from bench.load.timetable import sleep_until

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from bench.load.timetable import Timetable


async def run_closed_loop(
    perform: Callable[[int], Coroutine[None, None, None]],
    timetable: Timetable,
    *,
    clients: int,
    think_time_ns: int,
    start_ns: int,
    end_ns: int,
) -> None:
    """Run ``clients`` clients from ``start_ns``; none begins an operation at or after ``end_ns``.

    Without think time the intended start is the instant the client is ready. With think time it is the previous
    completion plus the think time, so that a late wake-up counts as schedule lag instead of hiding.
    """
    now = timetable.now

    async def client() -> None:
        await sleep_until(timetable, start_ns)
        intended = now()
        while intended < end_ns:
            await perform(intended)
            intended = now()
            if think_time_ns:
                intended += think_time_ns
                await sleep_until(timetable, min(intended, end_ns))

    async with asyncio.TaskGroup() as group:
        for _ in range(clients):
            group.create_task(client())
