"""Several pgBouncer processes on one port: clients are spread, cancelling works, and figures are of all of them."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING

import psycopg
import pytest

from bench.environment.embedded import Where, session
from bench.environment.observation import PoolerObserver
from bench.environment.pooler_ini import PoolerSettings
from bench.environment.process import processes_called
from bench.model.errors import ScenarioError
from bench.model.scenario_text import parse_scenario
from tests.load.trials import PLUS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.environment.embedded import Environment

CLIENTS = 24
"""Enough that all of them at one of two processes is a matter of one in eight million."""


@pytest.fixture
def two(environment: Environment) -> Iterator[Environment]:
    """Two processes with three server connections each."""
    environment.pooler.apply(PoolerSettings(pool_size=3, processes=2), environment.pooled.dbname)
    yield environment
    environment.pooler.apply(PoolerSettings(pool_size=4), environment.pooled.dbname)


def clients_of(environment: Environment) -> list[int]:
    """Count the load's clients at each process."""
    counts = []
    for console in environment.pooler.consoles:
        with psycopg.connect(console.dsn(), autocommit=True) as connection:
            rows = connection.execute("SHOW CLIENTS").fetchall()
            counts.append(sum(row[1] == environment.pooled.user for row in rows))
    return counts


@pytest.mark.pg
def test_clients_are_spread_over_the_processes_of_one_port(two: Environment) -> None:
    """The kernel gives each process a part of the clients, and none is lost."""
    with contextlib.ExitStack() as stack:
        for _ in range(CLIENTS):
            stack.enter_context(psycopg.connect(two.pooled.dsn(), autocommit=True)).execute("SELECT 1")
        counts = clients_of(two)
    assert len(two.pooler.pids) == len(set(two.pooler.pids)) == 2
    assert sum(counts) == CLIENTS
    assert min(counts) > 0


@pytest.mark.pg
def test_a_request_to_cancel_reaches_the_process_that_runs_the_query(two: Environment) -> None:
    """It arrives at either of them; the peers hand it on. Ten in a row cannot all be lucky."""
    for _ in range(10):
        with psycopg.connect(two.pooled.dsn(), autocommit=True) as connection:
            timer = threading.Timer(0.1, connection.cancel_safe)
            timer.start()
            with pytest.raises(psycopg.errors.QueryCanceled):
                connection.execute("SELECT pg_sleep(10)")
            timer.join()


@pytest.mark.pg
def test_what_is_observed_is_the_sum_over_the_processes(two: Environment) -> None:
    """Statistics and memory of both; the busiest one's CPU beside the sum."""
    poolers = list(zip(two.pooler.consoles, two.pooler.pids, strict=True))
    observer = PoolerObserver(poolers, two.app)
    try:
        observer.begin()
        with contextlib.ExitStack() as stack:
            for _ in range(CLIENTS):
                stack.enter_context(psycopg.connect(two.pooled.dsn(), autocommit=True)).execute("SELECT 1")
        facts = observer.end(0, mode="transaction", pool_size=6, max_prepared_statements=200)
    finally:
        observer.close()
    assert facts.stats["total_query_count"] == CLIENTS
    assert facts.processes == 2
    assert facts.cpu_s is not None
    assert facts.busiest_cpu_s is not None
    assert facts.busiest_cpu_s <= facts.cpu_s
    assert facts.rss_bytes is not None
    assert facts.rss_bytes > 4_000_000


@pytest.mark.pg
def test_back_to_one_process_the_port_stays_and_the_others_are_gone(environment: Environment) -> None:
    """Trials of one run have different numbers of processes, and the load's address never changes."""
    port = environment.pooler.port
    for processes in (3, 1):
        environment.pooler.apply(PoolerSettings(pool_size=2, processes=processes), environment.pooled.dbname)
        assert environment.pooler.port == port
        assert len(environment.pooler.pids) == processes
        with psycopg.connect(environment.pooled.dsn()) as connection:
            connection.execute("SELECT 1")
    with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.2", port), timeout=5):
        pass


@pytest.mark.pg
def test_all_processes_end_with_the_environment(where: Where) -> None:
    """No process is left behind, of however many."""
    own = Where(where.state_root.parent / "several", where.pg_bin, where.pgbouncer)
    with session(own) as running:
        running.pooler.apply(PoolerSettings(processes=2), running.pooled.dbname)
        folder = running.pooler.log.parent
        files = [str(folder / name) for name in ("pgbouncer.ini", "pgbouncer-2.ini")]
        assert all(processes_called("--quiet", file) for file in files)
    assert not any(processes_called("--quiet", file) for file in files)


@pytest.mark.parametrize(("pooler", "named"), [("size = 5, processes = 2", "multiple"), ("processes = 17", "1 .. 16")])
def test_a_pool_that_cannot_be_divided_is_refused(pooler: str, named: str) -> None:
    """Processes do not share server connections, so each must have its part."""
    with pytest.raises(ScenarioError, match=named):
        parse_scenario(PLUS + f"[pooler]\n{pooler.replace(', ', chr(10))}\n")
