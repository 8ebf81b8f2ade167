"""What a worker sees of itself: of the window, and of nothing else."""

from __future__ import annotations

import gc
import time
from typing import TYPE_CHECKING

import uvloop

from bench.load.probe import PERIOD_NS, Probe
from bench.load.timetable import TimerfdTimetable, sleep_until

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

MS = 1_000_000


def probed(work: Callable[[TimerfdTimetable, int, int], Awaitable[None]], opened: Callable[[], int] = int) -> Probe:
    """Run ``work`` beside a probe of a window that begins 200 ms from now and lasts 100 ms."""

    async def run() -> Probe:
        with TimerfdTimetable() as timetable:
            start = timetable.now() + 200 * MS
            with Probe(timetable, start, start + 100 * MS, opened) as probe:
                await work(timetable, start, start + 100 * MS)
                await sleep_until(timetable, start + 100 * MS)
            return probe

    return uvloop.run(run())


def test_a_window_without_work_has_no_time_on_the_run_queue_to_speak_of() -> None:
    async def nothing(*_: object) -> None:
        pass

    probe = probed(nothing)
    wall_s, cpu_s, _ = probe.window()
    queued_s = probe.queued_s()
    assert queued_s is not None
    assert 0 <= queued_s <= wall_s - cpu_s


def burn(cpu_s: float) -> None:
    """Use the processor for so long, whatever else uses it."""
    until = time.process_time() + cpu_s
    while time.process_time() < until:
        pass


def test_cpu_outside_the_window_does_not_count() -> None:
    async def work(timetable: TimerfdTimetable, _start: int, end: int) -> None:
        burn(0.03)
        await sleep_until(timetable, end + MS)
        burn(0.03)

    wall_s, cpu_s, _ = probed(work).window()
    assert cpu_s < 0.03 < wall_s


def test_cpu_within_the_window_counts() -> None:
    async def work(timetable: TimerfdTimetable, start: int, _end: int) -> None:
        await sleep_until(timetable, start + MS)
        burn(0.05)

    wall_s, cpu_s, _ = probed(work).window()
    assert 0.05 <= cpu_s <= wall_s


def test_a_blocked_loop_shows_as_lag() -> None:
    async def work(timetable: TimerfdTimetable, start: int, _end: int) -> None:
        await sleep_until(timetable, start + 5 * MS)
        time.sleep(0.05)  # noqa: ASYNC251 - that is the point

    probe = probed(work)
    assert probe.lag_ns(1.0) >= 40 * MS, "the next wake-up was due within ten of the fifty milliseconds"
    assert probe.lag_ns(0.0) <= probe.lag_ns(0.5) <= probe.lag_ns(1.0)


def test_a_window_too_short_for_a_wake_up_has_no_lag() -> None:
    class Never:
        def now(self) -> int:
            return 0

        def call_at(self, instant_ns: int, call: object) -> None: ...

    probe = Probe(Never(), 0, PERIOD_NS, int)
    assert probe.lag_ns(0.99) == 0
    assert probe.window() == (0.0, 0.0, 0)


def test_connections_opened_before_the_window_do_not_count() -> None:
    opened = [3]

    async def work(timetable: TimerfdTimetable, start: int, end: int) -> None:
        opened[0] += 4
        await sleep_until(timetable, start + MS)
        opened[0] += 2
        await sleep_until(timetable, end + MS)
        opened[0] += 8

    assert probed(work, lambda: opened[0]).window()[2] == 2


def test_only_collections_within_the_window_are_pauses() -> None:
    gc.disable()
    gc.freeze()  # a collection of all that a test session holds takes as long as the window
    try:

        async def work(timetable: TimerfdTimetable, start: int, end: int) -> None:
            gc.collect()
            await sleep_until(timetable, start + MS)
            gc.collect()
            gc.collect()
            await sleep_until(timetable, end + MS)
            gc.collect()

        count, total_ns = probed(work).gc_pauses
    finally:
        gc.unfreeze()
        gc.enable()
    assert count == 2
    assert total_ns > 0


def test_memory_is_that_of_the_process() -> None:
    assert Probe.rss_bytes() > 10_000_000
