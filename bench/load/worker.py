"""One load process: opens its pool, waits at the barrier, runs its share of the load, hands back what it recorded."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
from collections import Counter
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

import numpy as np
import uvloop

from bench.design.arrivals import intended_starts
from bench.design.parameters import mix, stream
from bench.load.attempts import attempt
from bench.load.closed_loop import run_closed_loop
from bench.load.descriptors import raise_descriptor_limit
from bench.load.drivers import find_driver
from bench.load.failure import describe_failure
from bench.load.job import Done, Ready
from bench.load.open_loop import OpenArrivals
from bench.load.performer import build_performer, needs_rows
from bench.load.priming import prime
from bench.load.probe import Probe
from bench.load.recorder import Recorder
from bench.load.tether import die_with
from bench.load.timetable import TimerfdTimetable, sleep_until
from bench.load.users import run_users
from bench.model.errors import SetupError
from bench.model.facts import WorkerFacts
from bench.model.scenario import ClosedLoop, OpenLoop, UserLoop

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from bench.load.job import Failed, Job
    from bench.model.ports import Arguments
    from bench.model.sample import Outcome

_THINK_RING = 65_536
_CUT_OFF_S = 0.1
_CUT_OFF_ROUNDS = 100


async def _load(
    job: Job,
    perform: Callable[[int], Coroutine[None, None, None]],
    timetable: TimerfdTimetable,
    recorder: Recorder,
    span_ns: tuple[int, int],
    generator: np.random.Generator,
) -> None:
    share = job.share
    start_ns, end_ns = span_ns
    match job.scenario.load:
        case ClosedLoop(think_time=think_ns):
            await run_closed_loop(
                perform, timetable, clients=share.clients, think_time_ns=think_ns, start_ns=start_ns, end_ns=end_ns
            )
        case OpenLoop() as load:
            starts = intended_starts(load, end_ns - start_ns, share.rate_share, generator) + start_ns
            arrivals = OpenArrivals(perform, timetable, recorder.record, share.clients, end_ns)
            await arrivals.run(starts.tolist())
        case UserLoop(think_time=think_ns):
            thinks = generator.exponential(think_ns, _THINK_RING).astype(np.int64).tolist()
            await run_users(
                perform, timetable, users=share.clients, think_times_ns=thinks, start_ns=start_ns, end_ns=end_ns
            )


async def _cut_off(load: asyncio.Task[None], others: set[asyncio.Task[Any]]) -> None:
    """End a load that has run out of time; its operations in flight record themselves as unfinished.

    One cancellation is not always enough: psycopg answers the first by asking the server to cancel the query, and then
    waits for a server that may stand still.
    """
    load.cancel()
    for _ in range(_CUT_OFF_ROUNDS):
        await asyncio.wait({load}, timeout=_CUT_OFF_S)
        if load.done():
            break
        for task in asyncio.all_tasks() - others - {load}:
            task.cancel()
    else:
        raise SetupError(
            "operations in flight at the end of the trial could not be cut off",
            remedy="Look for a frozen server or pooler; `bench doctor` shows what runs.",
        )


async def _run_until(deadline_ns: int, timetable: TimerfdTimetable, load: Coroutine[None, None, None]) -> None:
    others = asyncio.all_tasks()
    task = asyncio.create_task(load)
    await asyncio.wait({task}, timeout=max(0, deadline_ns - timetable.now()) / 1e9)
    if task.done():
        task.result()
    else:
        await _cut_off(task, others)


def _quieten(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Keep what a pool's own tasks fail with, when server or pooler are away, off the terminal: operations count it."""
    if not isinstance(context.get("exception"), ConnectionError):
        loop.default_exception_handler(context)


async def _run(job: Job, pipe: Connection) -> Done:
    scenario, share = job.scenario, job.share
    generator = np.random.default_rng([job.seed, share.worker])
    driver = find_driver(scenario.pool.driver)

    def arguments() -> list[Iterator[Arguments]]:
        return [stream(op, job.populations, generator, share.worker, share.workers) for op in scenario.operation]

    asyncio.get_running_loop().set_exception_handler(_quieten)
    async with driver.open_pool(job.endpoint, scenario.pool, share.pool_size) as pool:
        retries: Counter[str] = Counter()
        executes = [
            attempt(operation, pool.compile(operation), pool.classify, retries) for operation in scenario.operation
        ]
        primed = await prime(pool, share.pool_size, scenario, executes, arguments())
        retries.clear()
        recorder = Recorder()
        examples: dict[Outcome, str] = {}
        with TimerfdTimetable() as timetable:
            perform = build_performer(
                now=timetable.now,
                pool=pool,
                mix=mix(scenario.operation, generator),
                executes=executes,
                arguments=arguments(),
                needs_rows=[needs_rows(operation) for operation in scenario.operation],
                record=recorder.record,
                examples=examples,
            )
            gc.collect()
            gc.freeze()
            pipe.send(Ready(dict(driver.versions())))
            start_ns: int = await asyncio.get_running_loop().run_in_executor(None, pipe.recv)
            window_ns = start_ns + scenario.run.warmup
            end_ns = window_ns + scenario.run.window
            with Probe(timetable, window_ns, end_ns, pool.opened) as probe:
                load = _load(job, perform, timetable, recorder, (start_ns, end_ns), generator)
                await _run_until(end_ns + job.drain_ns, timetable, load)
                await sleep_until(timetable, end_ns)  # an open loop may have nothing left to do before the end
            wall_s, cpu_s, opened = probe.window()
            pauses, paused_ns = probe.gc_pauses
            facts = WorkerFacts(
                worker=share.worker,
                pool_size=share.pool_size,
                clients=share.clients,
                cpu_s=cpu_s,
                queued_s=probe.queued_s(),
                wall_s=wall_s,
                loop_lag_p50_ns=probe.lag_ns(0.5),
                loop_lag_p99_ns=probe.lag_ns(0.99),
                loop_lag_max_ns=probe.lag_ns(1.0),
                gc_pauses=pauses,
                gc_pause_total_ns=paused_ns,
                connections_opened=opened,
                rss_bytes=probe.rss_bytes(),
                executions_per_connection_min=primed,
                retries=dict(retries),
            )
        return Done(recorder.rows().tobytes(), facts, examples)


def _answer(job: Job, pipe: Connection) -> Done | Failed:
    try:
        return uvloop.run(_run(job, pipe))
    except Exception as error:  # noqa: BLE001 - whatever it is, the parent must hear of it
        return describe_failure(job.share.worker, job.endpoint, error)


def main() -> None:
    """Serve one job; the arguments are the file descriptor it comes over and the parent's process id."""
    die_with(int(sys.argv[2]))
    raise_descriptor_limit()
    pipe = Connection(int(sys.argv[1]))
    try:
        job: Job = pipe.recv()
        pipe.send(_answer(job, pipe))
    except (EOFError, BrokenPipeError):  # the parent is gone; nobody is left to tell
        os._exit(1)


if __name__ == "__main__":
    main()
