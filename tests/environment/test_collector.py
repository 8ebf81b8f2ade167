"""The collector sees waits, memory and I/O of a window from a process of its own, and never fails a trial."""

from __future__ import annotations

import contextlib
import os
import signal
from typing import TYPE_CHECKING, Any

import msgspec
import psycopg
import pytest

from bench.environment.audit.scratch import Scratch
from bench.environment.collector.collecting import Collector
from bench.environment.collector.order import Order
from bench.environment.collector.processes import Processes
from bench.environment.connection import connected
from bench.environment.embedded import Where, own_pids, session
from bench.environment.process import Deadline
from bench.model.timeline import BACKENDS, POOLER, SERVER, WORKERS
from tests.conftest import system_bindir

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from bench.environment.collector.order import Gathered
    from bench.environment.embedded import Environment
    from bench.model.endpoint import Endpoint
    from bench.model.timeline import Timeline

pytestmark = pytest.mark.pg

Connection = psycopg.Connection[Any]
LOCK_KEY = 4711


@pytest.fixture(scope="module")
def database(environment: Environment) -> Iterator[Endpoint]:
    """A database of this module's own, as superuser, with a table of a thousand rows in two partitions."""
    scratch = Scratch(environment.admin)
    made = scratch.create()
    with connected(made) as connection:
        connection.execute("CREATE TABLE rates (id integer PRIMARY KEY, name text) PARTITION BY RANGE (id)")
        connection.execute("CREATE TABLE rates_low PARTITION OF rates FOR VALUES FROM (0) TO (500)")
        connection.execute("CREATE TABLE rates_high PARTITION OF rates FOR VALUES FROM (500) TO (1001)")
        connection.execute("INSERT INTO rates SELECT n, repeat('x', 100) FROM generate_series(1, 1000) AS n")
        connection.execute("GRANT SELECT, UPDATE ON rates TO PUBLIC")
        connection.execute("VACUUM ANALYZE rates")
    yield made
    scratch.close()


@pytest.fixture
def load(environment: Environment, database: Endpoint) -> Endpoint:
    """The application's login in that database."""
    return msgspec.structs.replace(environment.app, dbname=database.dbname)


@pytest.fixture
def order(environment: Environment, database: Endpoint, load: Endpoint) -> Order:
    server, pooler = own_pids(environment)
    return Order(database, load, ((environment.pooler.console, pooler),), server, period_s=0.05)


@contextlib.contextmanager
def _session(endpoint: Endpoint) -> Iterator[Connection]:
    with contextlib.closing(psycopg.connect(endpoint.dsn(), autocommit=True)) as connection:
        yield connection


def _collect(order: Order, during: Callable[[], None] | None = None) -> Gathered:
    with Collector(order) as collector:
        collector.wait_ready()
        collector.begin(0, [os.getpid()])
        if during:
            during()
        collector.end()
        return collector.gather()


def _timeline(gathered: Gathered) -> Timeline:
    assert gathered.timeline is not None, gathered.notes
    return gathered.timeline


def _wait_for_waiters(observer: Connection, count: int) -> None:
    deadline = Deadline(30)
    query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    while observer.execute(query).fetchone() != (count,):
        assert not deadline.passed()


def test_sessions_are_sorted_by_what_they_wait_for(database: Endpoint, load: Endpoint, order: Order) -> None:
    """One waits for a lock, one idles in a transaction; the collector itself is not among them."""
    with _session(database) as observer, _session(load) as holder, _session(load) as waiter:
        holder.execute("BEGIN")
        holder.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK_KEY])
        waiter.pgconn.send_query(f"SELECT pg_advisory_lock({LOCK_KEY})".encode())
        _wait_for_waiters(observer, 1)
        timeline = _timeline(_collect(order))
        holder.execute("COMMIT")
    for reading in timeline.readings:
        assert reading.waits == {"Lock": 1, "idle in transaction": 1}
        assert reading.events == {"Lock:advisory": 1}
        assert reading.locks_waiting == 1
        assert reading.locked == {"advisory lock": 1}
        (blocker,) = reading.blockers
        assert (blocker.ours, blocker.backend_type, blocker.state) == (True, "client backend", "idle in transaction")
        assert blocker.queryid is not None


def test_rows_are_named_by_their_table_and_only_the_head_of_a_queue_blocks(
    database: Endpoint, load: Endpoint, order: Order
) -> None:
    """Somebody else holds a row of a partition; one waits for its transaction, one queues behind, one wants all."""
    lock_row = "SELECT 1 FROM rates WHERE id = 7 FOR UPDATE"
    with contextlib.ExitStack() as stack:
        observer, holder = stack.enter_context(_session(database)), stack.enter_context(_session(database))
        waiters = [stack.enter_context(_session(load)) for _ in range(3)]
        holder.execute("BEGIN")
        holder.execute(lock_row)
        for number, waiter in enumerate(waiters, 1):
            waiter.pgconn.send_query(b"BEGIN; LOCK TABLE rates IN EXCLUSIVE MODE" if number == 3 else lock_row.encode())
            _wait_for_waiters(observer, number)
        timeline = _timeline(_collect(order))
        holder.execute("COMMIT")
    for reading in timeline.readings:
        assert reading.locked == {"row lock on rates": 2, "relation lock on rates (ExclusiveLock)": 1}
        (blocker,) = reading.blockers
        assert (blocker.ours, blocker.state, blocker.queryid) == (False, "idle in transaction", None)


def test_processes_are_grouped_and_their_memory_is_read(load: Endpoint, order: Order) -> None:
    with _session(load) as one, _session(load) as two:
        one.execute("SELECT 1")
        two.execute("SELECT 1")
        timeline = _timeline(_collect(order))
    last = timeline.readings[-1]
    assert last.processes[BACKENDS] == 2
    assert {WORKERS, SERVER, POOLER} <= set(last.processes)
    assert last.processes[SERVER] > 3, "postmaster, checkpointer, writer …"
    for group in (BACKENDS, SERVER, POOLER, WORKERS):
        assert 0 < last.private_bytes[group] <= last.rss_bytes[group]
    memory = {each.group: each for each in timeline.memory}
    assert memory[BACKENDS].processes == 2
    proportional = memory[WORKERS].pss_bytes
    assert proportional is not None, "our own memory we may always read"
    assert proportional <= memory[WORKERS].rss_bytes * 1.05


def test_block_accesses_count_in_the_partitioned_table(load: Endpoint, order: Order) -> None:
    def read_everything() -> None:
        with _session(load) as reader:
            reader.execute("SELECT count(name) FROM rates WHERE id > 0")
            reader.execute("SELECT pg_stat_force_next_flush()")

    for _ in range(5):  # a backend may tell its table's blocks before those of pg_stat_io
        timeline = _timeline(_collect(order, read_everything))
        if any(row.counts.get("hits") for row in timeline.io if row.backend_type == "client backend"):
            break
    assert [table.table for table in timeline.tables] == ["rates"]
    assert timeline.tables[0].heap_hit >= 16
    assert timeline.hit_ratio is not None
    assert 0 < timeline.hit_ratio <= 1
    assert any(row.backend_type == "client backend" and row.counts.get("hits") for row in timeline.io)
    assert {"wal_records", "wal_bytes"} <= set(timeline.wal)
    assert {"num_timed", "num_requested", "buffers_written"} <= set(timeline.checkpoints)
    assert timeline.until_ns > timeline.since_ns
    assert timeline.cpu_s >= 0


def test_the_poolers_pool_totals_and_lists_are_read(environment: Environment) -> None:
    server, pooler = own_pids(environment)
    poolers = ((environment.pooler.console, pooler),)
    order = Order(environment.admin, environment.app, poolers, server, period_s=0.05)
    with _session(environment.pooled) as client:
        client.execute("BEGIN")
        client.execute("SELECT 1")
        gathered = _collect(order)
        client.execute("COMMIT")
    assert {gauge.sv_active for gauge in gathered.gauges} == {1}
    last = _timeline(gathered).readings[-1]
    assert last.pooler_totals["total_query_count"] >= 2
    assert last.pooler_lists["used_clients"] >= 1


def test_a_role_without_pg_monitor_sees_its_own_sessions_and_is_told_so(
    database: Endpoint, load: Endpoint, order: Order
) -> None:
    with _session(load) as own, _session(database) as other:
        own.execute("BEGIN")
        other.execute("BEGIN")
        gathered = _collect(_as(order, load))
    assert [note.code for note in gathered.notes if note.code == "sessions-hidden"] == ["sessions-hidden"]
    assert all(reading.waits == {"idle in transaction": 1} for reading in _timeline(gathered).readings)


def _as(order: Order, admin: Endpoint) -> Order:
    return Order(admin, order.load, (), None, order.period_s)


def test_a_collector_that_is_lost_is_a_caveat_and_not_a_failure(order: Order) -> None:
    with Collector(order) as collector:
        collector.wait_ready()
        assert collector.pid is not None
        os.kill(collector.pid, signal.SIGKILL)
        collector.begin(0, [])
        collector.end()
        gathered = collector.gather()
    assert gathered.timeline is None
    assert [note.code for note in gathered.notes] == ["collector-lost"]


def test_a_server_that_cannot_be_reached_is_a_caveat_without_the_password(order: Order) -> None:
    nowhere = msgspec.structs.replace(order.admin, port=1, password="hidden-word")
    gathered = _collect(_as(order, nowhere))
    assert [note.code for note in gathered.notes] == ["collector-lost"]
    assert "hidden-word" not in gathered.notes[0].text


def test_the_distributions_server_is_read_too(open_folder: Path, pgbouncer: Path | None) -> None:
    """An older PostgreSQL without pg_stat_io: the rest is read under the same names."""
    with session(Where(open_folder / ".bench", system_bindir(), pgbouncer)) as older:
        server, pooler = own_pids(older)
        gathered = _collect(Order(older.admin, older.app, ((older.pooler.console, pooler),), server, 0.05))
        timeline = _timeline(gathered)
        assert bool(timeline.io) <= (older.postgres.version >= 16)
        assert {"num_timed", "write_time_ms"} <= set(timeline.checkpoints)
        assert timeline.readings


def test_a_process_that_ends_takes_no_cpu_back() -> None:
    processes = Processes()
    ours = os.getpid()
    first = processes.read({"all": [ours, 2**22 - 1]})["all"]
    assert (first.processes, first.cpu_s) == (1, 0.0)
    sum(number * number for number in range(2_000_000))
    assert processes.read({"all": [ours]})["all"].cpu_s > 0
    assert processes.read({"all": [2**22 - 1]}) == {}
