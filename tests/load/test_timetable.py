"""Calls at instants of the real monotonic clock."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import uvloop

from bench.load.timetable import TimerfdTimetable, sleep_until

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

MS = 1_000_000


def on_a_timetable(work: Callable[[TimerfdTimetable], Awaitable[None]]) -> None:
    """Run on the event loop that workers use."""

    async def run() -> None:
        with TimerfdTimetable() as timetable:
            async with asyncio.timeout(20):
                await work(timetable)

    uvloop.run(run())


def test_calls_come_in_the_order_of_their_instants_and_never_early() -> None:
    """Also where a later call is asked for first, so that the timer has to be set again."""
    made: list[tuple[int, int]] = []

    async def work(timetable: TimerfdTimetable) -> None:
        start = timetable.now()
        for offset in (30, 10, 20, 10):
            timetable.call_at(start + offset * MS, lambda instant: made.append((instant, timetable.now())))
        await sleep_until(timetable, start + 31 * MS)
        assert [instant - start for instant, _ in made] == [10 * MS, 10 * MS, 20 * MS, 30 * MS]

    on_a_timetable(work)
    assert all(now >= instant for instant, now in made)


def test_an_instant_that_is_past_is_called_as_soon_as_possible_but_not_at_once() -> None:
    made: list[int] = []

    async def work(timetable: TimerfdTimetable) -> None:
        past = timetable.now() - MS
        timetable.call_at(past, made.append)
        assert made == [], "the caller goes on first"
        await sleep_until(timetable, timetable.now() + MS)
        assert made == [past]

    on_a_timetable(work)


def test_a_call_may_ask_for_the_next_one() -> None:
    made: list[int] = []

    async def work(timetable: TimerfdTimetable) -> None:
        start = timetable.now()
        done = asyncio.get_running_loop().create_future()

        def again(instant: int) -> None:
            made.append(instant - start)
            if len(made) < 5:
                timetable.call_at(instant + MS, again)
            else:
                done.set_result(None)

        timetable.call_at(start + MS, again)
        await done

    on_a_timetable(work)
    assert made == [MS, 2 * MS, 3 * MS, 4 * MS, 5 * MS]


def test_waiting_for_the_past_does_not_wait() -> None:
    async def work(timetable: TimerfdTimetable) -> None:
        waiting = sleep_until(timetable, timetable.now())
        try:
            waiting.send(None)
        except StopIteration:
            return
        raise AssertionError("it gave the event loop away")

    on_a_timetable(work)


def test_who_gives_up_waiting_is_not_woken() -> None:
    async def work(timetable: TimerfdTimetable) -> None:
        until = timetable.now() + 10 * MS
        given_up = asyncio.create_task(sleep_until(timetable, until))
        await asyncio.sleep(0)
        given_up.cancel()
        await sleep_until(timetable, until + MS)
        assert given_up.cancelled()

    on_a_timetable(work)
