"""When a user starts its operations: the load models of ``bench.load`` as iterators that block until the next start."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.load.swarm.timetable import sleep_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bench.load.timetable import Timetable


def closed_loop(timetable: Timetable, start_ns: int, end_ns: int, think_time_ns: int) -> Iterator[int]:
    """Start when the last answer is there and thought about, as ``bench.load.closed_loop`` does."""
    sleep_until(timetable, start_ns)
    intended = timetable.now()
    while intended < end_ns:
        yield intended
        intended = timetable.now()
        if think_time_ns:
            intended += think_time_ns
            sleep_until(timetable, min(intended, end_ns))


def thinking_user(timetable: Timetable, start_ns: int, end_ns: int, thinks_ns: Iterator[int]) -> Iterator[int]:
    """Think first, as ``bench.load.users`` does; all users of a process draw from ``thinks_ns``."""
    intended = start_ns + next(thinks_ns)
    while intended < end_ns:
        sleep_until(timetable, intended)
        yield intended
        intended = timetable.now() + next(thinks_ns)


def open_loop(
    timetable: Timetable, starts_ns: Iterator[int], end_ns: int, not_sent: Callable[[int], None]
) -> Iterator[int]:
    """Take the next arrival of the process whenever this user is free: its users are the places in flight.

    An arrival that no user is free for waits, and its response time counts on from its intended start. One that is out
    of time goes to ``not_sent``.
    """
    for intended in starts_ns:
        sleep_until(timetable, intended)
        if timetable.now() < end_ns:
            yield intended
        else:
            not_sent(intended)
