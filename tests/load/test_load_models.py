"""The load models against queueing theory, on a virtual clock."""

from __future__ import annotations

import asyncio
import functools
import itertools
from typing import TYPE_CHECKING

import numpy as np
import pytest

from bench.design.arrivals import intended_starts
from bench.load.closed_loop import run_closed_loop
from bench.load.open_loop import OpenArrivals
from bench.load.performer import build_performer
from bench.load.recorder import Recorder
from bench.load.timetable import sleep_until
from bench.load.users import run_users
from bench.model.sample import MISSING_NS, Outcome, Samples
from bench.model.scenario import OpenLoop, Operation
from bench.model.units import Rate
from tests.fakes import FakePool, VirtualTimetable, run_virtually

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

MS = 1_000_000
SECOND = 1_000_000_000


def _performer(
    pool: FakePool, timetable: VirtualTimetable, recorder: Recorder
) -> Callable[[int], Coroutine[None, None, None]]:
    return build_performer(
        now=timetable.now,
        pool=pool,
        mix=itertools.repeat(0),
        executes=[pool.compile(Operation(name="a", sql="SELECT 1"))],
        arguments=[itertools.repeat(())],
        needs_rows=[True],
        record=recorder.record,
    )


def _open(
    rate: float, servers: int, service_ns: Callable[[], int], *, seconds: int, seed: int, places: int = 100_000
) -> Samples:
    async def run() -> Samples:
        timetable, recorder = VirtualTimetable(), Recorder()
        pool = FakePool(timetable, servers, service_ns)
        end_ns = seconds * SECOND
        starts = intended_starts(OpenLoop(rate=Rate(rate)), end_ns, 1.0, np.random.default_rng(seed))
        arrivals = OpenArrivals(_performer(pool, timetable, recorder), timetable, recorder.record, places, end_ns)
        await arrivals.run(starts.tolist())
        return Samples.from_rows(recorder.rows(), worker=0, start_ns=0)

    return run_virtually(run())


def test_open_loop_with_one_deterministic_server_waits_as_pollaczek_and_khinchine_say() -> None:
    """M/D/1: mean wait = rho * S / (2 (1 - rho))."""
    service = 10 * MS
    waits = []
    for seed in range(12):
        samples = _open(70, 1, lambda: service, seconds=25, seed=seed)
        waits.append(samples.duration("pool_wait").mean())
    expected = 0.7 * service / (2 * 0.3)
    error = np.std(waits, ddof=1) / np.sqrt(len(waits))
    assert abs(np.mean(waits) - expected) < 3.2 * error


def _exponential(generator: np.random.Generator, mean_ns: int) -> int:
    return int(generator.exponential(mean_ns))


def test_open_loop_with_several_exponential_servers_waits_as_erlang_c_says() -> None:
    """M/M/c with c = 4, offered load 3: the probability of waiting is 0.5094 and the mean wait P S / (c - a)."""
    service = 10 * MS
    waits, delayed = [], []
    for seed in range(12):
        generator = np.random.default_rng(1000 + seed)
        samples = _open(300, 4, functools.partial(_exponential, generator, service), seconds=25, seed=seed)
        wait = samples.duration("pool_wait")
        waits.append(wait.mean())
        delayed.append((wait > 0).mean())
    expected = 0.50943 * service / (4 - 3)
    assert abs(np.mean(waits) - expected) < 3.2 * np.std(waits, ddof=1) / np.sqrt(len(waits))
    assert abs(np.mean(delayed) - 0.50943) < 3.2 * np.std(delayed, ddof=1) / np.sqrt(len(delayed))


def test_open_loop_charges_waiting_to_response_time_from_the_intended_start() -> None:
    """Two places in flight, one slow server: what waits outside still counts from its intended start."""
    samples = _open(100, 1, lambda: 50 * MS, seconds=2, seed=3, places=2)
    sent = samples.where(samples.outcome == Outcome.OK)
    assert sent.duration("schedule_lag").max() > 100 * MS
    parts = sum(sent.duration(name) for name in ("schedule_lag", "pool_wait", "service_time"))
    assert np.array_equal(parts, sent.duration("response_time"))


def test_open_loop_books_every_arrival_even_those_it_could_not_send() -> None:
    """Arrivals = finished + not sent."""
    rate, seconds, seed = 100, 2, 3
    arrivals = intended_starts(OpenLoop(rate=Rate(rate)), seconds * SECOND, 1.0, np.random.default_rng(seed))
    samples = _open(rate, 1, lambda: 50 * MS, seconds=seconds, seed=seed, places=2)
    assert len(samples) == len(arrivals)
    assert sorted(samples.intended_ns) == sorted(arrivals)
    assert np.count_nonzero(samples.outcome == Outcome.NOT_SENT) > 0


def _closed(clients: int, servers: int, service_ns: int, think_ns: int, end_ns: int) -> tuple[Samples, FakePool]:
    async def run() -> tuple[Samples, FakePool]:
        timetable, recorder = VirtualTimetable(), Recorder()
        pool = FakePool(timetable, servers, lambda: service_ns)
        perform = _performer(pool, timetable, recorder)
        await run_closed_loop(perform, timetable, clients=clients, think_time_ns=think_ns, start_ns=0, end_ns=end_ns)
        return Samples.from_rows(recorder.rows(), worker=0, start_ns=0), pool

    return run_virtually(run())


@pytest.mark.parametrize(("clients", "servers", "think"), [(1, 1, 0), (8, 2, 0), (8, 16, 0), (5, 2, 40 * MS)])
def test_closed_loop_keeps_littles_law(clients: int, servers: int, think: int) -> None:
    """N = X (R + Z) for every shape."""
    samples, pool = _closed(clients, servers, 10 * MS, think, 20 * SECOND)
    throughput = len(samples) / 20
    response_s = samples.duration("response_time").mean() / 1e9
    assert throughput * (response_s + think / 1e9) == pytest.approx(clients, rel=0.02)
    assert pool.most_in_use == min(clients, servers)


def test_closed_loop_begins_nothing_after_the_end() -> None:
    samples, _ = _closed(4, 2, 10 * MS, 0, SECOND)
    assert samples.dispatched_ns.max() < SECOND


def test_users_act_at_the_rate_that_their_think_time_gives() -> None:
    """Interactive response time law: X = N / (R + Z)."""

    async def run() -> Samples:
        timetable, recorder = VirtualTimetable(), Recorder()
        pool = FakePool(timetable, 10, lambda: 10 * MS)
        thinks = np.random.default_rng(5).exponential(SECOND, 4096).astype(int).tolist()
        await run_users(
            _performer(pool, timetable, recorder),
            timetable,
            users=200,
            think_times_ns=thinks,
            start_ns=0,
            end_ns=30 * SECOND,
        )
        return Samples.from_rows(recorder.rows(), worker=0, start_ns=0)

    samples = run_virtually(run())
    response_s = samples.duration("response_time").mean() / 1e9
    assert len(samples) / 30 == pytest.approx(
        200 / (1 + response_s), rel=0.05
    )  # 6,000 actions: 1.3 % and 1.6 % of sampling


def _single(service: Callable[[FakePool], None]) -> tuple[Samples, Exception | None]:
    async def run() -> tuple[Samples, Exception | None]:
        timetable, recorder = VirtualTimetable(), Recorder()
        pool = FakePool(timetable, 1, lambda: MS)
        service(pool)
        try:
            await _performer(pool, timetable, recorder)(0)
        except Exception as error:  # noqa: BLE001 - handed to the test
            return Samples.from_rows(recorder.rows(), 0, 0), error
        assert pool.in_use == 0
        return Samples.from_rows(recorder.rows(), 0, 0), None

    return run_virtually(run())


def test_a_failed_operation_is_recorded_with_its_outcome_and_gives_its_connection_back() -> None:
    samples, error = _single(lambda pool: setattr(pool, "fail_with", LookupError("gone")))
    assert error is None
    assert samples.outcome.tolist() == [Outcome.SQL_ERROR]


def test_the_first_error_of_each_kind_is_kept_as_an_example() -> None:
    async def run() -> tuple[dict[Outcome, str], int]:
        timetable, recorder = VirtualTimetable(), Recorder()
        pool = FakePool(timetable, 1, lambda: MS)
        examples: dict[Outcome, str] = {}
        perform = build_performer(
            now=timetable.now,
            pool=pool,
            mix=itertools.repeat(0),
            executes=[pool.compile(Operation(name="a", sql="SELECT 1"))],
            arguments=[itertools.repeat(())],
            needs_rows=[True],
            record=recorder.record,
            examples=examples,
        )
        for said in ("first\nDETAIL: a row", "second"):
            pool.fail_with = LookupError(said)
            await perform(timetable.now())
        return examples, len(recorder)

    assert run_virtually(run()) == ({Outcome.SQL_ERROR: "first"}, 2)


def test_an_operation_cut_off_is_unfinished_and_does_not_wait_for_its_release() -> None:
    """Whoever is cut off at the end must not wait for a server that stands still."""

    async def run() -> tuple[Samples, FakePool]:
        timetable, recorder = VirtualTimetable(), Recorder()
        pool = FakePool(timetable, 1, lambda: SECOND)
        tasks = [asyncio.create_task(_performer(pool, timetable, recorder)(0)) for _ in range(2)]
        await sleep_until(timetable, MS)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return Samples.from_rows(recorder.rows(), 0, 0), pool

    samples, pool = run_virtually(run())
    assert samples.outcome.tolist() == [Outcome.UNFINISHED] * 2
    assert sorted(samples.acquired_ns.tolist()) == [MISSING_NS, 0], "one had a connection, the other was waiting"
    assert samples.completed_ns.tolist() == [MISSING_NS] * 2
    assert pool.in_use == 1


def test_an_error_that_no_table_knows_is_raised_as_a_bug() -> None:
    _, error = _single(lambda pool: setattr(pool, "fail_with", ZeroDivisionError("ours")))
    assert isinstance(error, ZeroDivisionError)


def test_an_error_of_ours_stops_the_open_loop_instead_of_vanishing_in_a_task() -> None:
    async def run() -> None:
        timetable, recorder = VirtualTimetable(), Recorder()
        pool = FakePool(timetable, 1, lambda: MS)
        pool.fail_with = ZeroDivisionError("ours")
        arrivals = OpenArrivals(_performer(pool, timetable, recorder), timetable, recorder.record, 10, SECOND)
        await arrivals.run([0, MS, 2 * MS])

    with pytest.raises(ZeroDivisionError):
        run_virtually(run())
