"""Worker processes against real servers: nothing is lost or left behind, and round trips are what they should be."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import psutil
import psycopg
import pytest

from bench.environment.observation import PoolerObserver
from bench.environment.pgbouncer import PoolerSettings
from bench.load.pgbench import Pgbench
from bench.load.workers import Workers
from bench.model.errors import SetupError
from bench.model.sample import Outcome
from bench.model.scenario_text import decode, override, read_raw

if TYPE_CHECKING:
    from bench.environment.embedded import Environment
    from bench.load.workers import Collected
    from bench.model.scenario import Level, Scenario

pytestmark = pytest.mark.pg

TEXT = """
name = "plus"
load = { model = "closed", clients = 6 }
pool = { size = 4, workers = 2 }
run = { warmup = "200ms", window = "800ms" }
[[operation]]
name = "plus"
sql = "SELECT $1::int + 1"
parameters = [{ kind = "uniform", name = "n", low = 1, high = 5 }]
"""


def scenario(text: str = TEXT, **settings: Level) -> Scenario:
    changes = {name.replace("__", "."): value for name, value in settings.items()}
    return decode(override(read_raw(text, "test"), changes, "test"), "test")


def run(environment: Environment, what: Scenario, *, pooled: bool = False) -> Collected:
    endpoint = environment.pooled if pooled else environment.app
    generator: Any = Workers(endpoint, what, {}, 1, 2)
    if what.pool.driver == "pgbench":
        generator = Pgbench(environment.postgres.bindir / "pgbench", endpoint, what, {}, 1, 2)
    with generator:
        generator.start()
        return generator.collect()  # type: ignore[no-any-return]  # either of two generators


@pytest.mark.parametrize("driver", ["asyncpg", "asyncpg-queue", "psycopg", "pgbench"])
@pytest.mark.parametrize("pooled", [False, True])
def test_every_driver_fills_the_window_with_ordered_instants(
    environment: Environment, driver: str, *, pooled: bool
) -> None:
    if pooled:
        environment.pooler.apply(PoolerSettings(pool_size=4), environment.pooled.dbname)
    collected = run(environment, scenario(pool__driver=driver), pooled=pooled)
    samples = collected.samples
    good = samples.where(samples.outcome == Outcome.OK)
    assert len(good) > 50
    assert len(good) >= len(samples) - 6, "at most what was in flight at the end may be missing"
    assert collected.workers[0].connections_opened == 0
    for earlier, later in zip(
        ("intended", "dispatched", "acquired", "completed"),
        ("dispatched", "acquired", "completed", "released"),
        strict=True,
    ):
        assert np.all(getattr(good, f"{earlier}_ns") <= getattr(good, f"{later}_ns"))
    assert good.dispatched_ns.max() > 900_000_000, "the load must last until the end of the window"


def test_both_workers_start_together_and_share_the_clients(environment: Environment) -> None:
    collected = run(environment, scenario())
    firsts = [collected.samples.dispatched_ns[collected.samples.worker == worker].min() for worker in (0, 1)]
    assert abs(firsts[0] - firsts[1]) < 200_000_000
    assert [(facts.pool_size, facts.clients) for facts in collected.workers] == [(2, 3), (2, 3)]


@pytest.mark.parametrize(
    ("settings", "round_trips", "assignments"),
    [
        ({"pool.driver": "asyncpg"}, 2, 2),
        ({"pool.driver": "asyncpg", "pool.reset": "none"}, 1, 1),
        ({"pool.driver": "asyncpg-queue"}, 1, 1),
        ({"pool.driver": "psycopg"}, 1, 1),
        ({"pool.driver": "psycopg", "pool.autocommit": False}, 3, 1),
    ],
)
def test_one_select_costs_the_round_trips_that_the_driver_is_known_for(
    environment: Environment, settings: dict[str, Level], round_trips: int, assignments: int
) -> None:
    """Counted by pgBouncer over the window: the reset query and BEGIN/COMMIT are round trips too."""
    what = decode(override(read_raw(TEXT, "test"), settings, "test"), "test")
    environment.pooler.apply(PoolerSettings(pool_size=4), environment.pooled.dbname)
    process = environment.pooler.process
    observer = PoolerObserver(environment.pooler.console, environment.app, process.pid if process else None)
    try:
        with Workers(environment.pooled, what, {}, 1, 2) as workers:
            start_ns = workers.start()
            time.sleep((start_ns + what.run.warmup - time.monotonic_ns()) / 1e9)
            observer.begin()
            time.sleep(what.run.window.seconds * 0.8)
            facts = observer.end(start_ns, mode="transaction", pool_size=4, max_prepared_statements=200)
            samples = workers.collect().samples
    finally:
        observer.close()
    done = np.count_nonzero((samples.completed_ns >= facts.since_ns) & (samples.completed_ns < facts.until_ns))
    assert facts.stats["total_query_count"] / done == pytest.approx(round_trips, rel=0.05)
    assert facts.stats["total_server_assignment_count"] / done == pytest.approx(assignments, rel=0.05)


STEPS = """
name = "steps"
load = { model = "closed", clients = 2 }
pool = { size = 2 }
run = { warmup = "100ms", window = "500ms" }
[[operation]]
name = "passed_on"
parameters = [{ kind = "uniform", name = "n", low = 1, high = 5 }]
[[operation.step]]
sql = "SELECT $1::int AS a, $1::int * 2 AS b"
args = ["n"]
returns = ["a", "b"]
[[operation.step]]
sql = "SELECT 1 WHERE $1::int * 2 = $2::int"
args = ["a", "b"]
"""


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg", "pgbench"])
def test_steps_pass_values_on_within_one_transaction(environment: Environment, driver: str) -> None:
    samples = run(environment, scenario(STEPS, pool__driver=driver)).samples
    assert np.count_nonzero(samples.outcome == Outcome.OK) > 20
    assert not np.any(np.isin(samples.outcome, [Outcome.NO_ROWS, Outcome.SQL_ERROR]))


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
@pytest.mark.parametrize(
    ("sql", "outcome"),
    [
        ("SELECT $1::int / 0", Outcome.SQL_ERROR),
        ("SELECT $1::int WHERE false", Outcome.NO_ROWS),
        ("INSERT INTO state_probe VALUES ($1::int - 100)", Outcome.CONSTRAINT),
        ("SELECT pg_sleep(2) WHERE $1::int > 0", Outcome.QUERY_TIMEOUT),
    ],
)
def test_an_error_becomes_an_outcome_and_the_load_goes_on(
    environment: Environment, driver: str, sql: str, outcome: Outcome
) -> None:
    with psycopg.connect(environment.admin.dsn(), autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS state_probe (n int CHECK (n > 0))")
        connection.execute("GRANT ALL ON state_probe TO bench_app_login")
        connection.execute("ALTER ROLE bench_app_login SET statement_timeout = '100ms'")
    try:
        text = TEXT.replace("SELECT $1::int + 1", sql)
        samples = run(environment, scenario(text, pool__driver=driver, pool__prewarm=False)).samples
    finally:
        with psycopg.connect(environment.admin.dsn(), autocommit=True) as connection:
            connection.execute("ALTER ROLE bench_app_login RESET statement_timeout")
    assert set(samples.outcome.tolist()) == {int(outcome)}
    assert len(samples) > 6


def test_a_worker_that_is_killed_is_named_and_its_siblings_are_ended(environment: Environment) -> None:
    with Workers(environment.app, scenario(run__window="5s"), {}, 1, 2) as workers:
        pids = workers.pids
        workers.start()
        os.kill(pids[0], signal.SIGKILL)
        with pytest.raises(SetupError, match="worker 0 ended unexpectedly"):
            workers.collect()
    assert not any(psutil.pid_exists(pid) for pid in pids)


def test_what_a_frozen_pooler_holds_at_the_end_is_recorded_as_unfinished(environment: Environment) -> None:
    environment.pooler.apply(PoolerSettings(pool_size=4), environment.pooled.dbname)
    assert environment.pooler.process
    pid = environment.pooler.process.pid
    with Workers(environment.pooled, scenario(), {}, 1, 2) as workers:
        workers.start()
        timer = threading.Timer(0.6, os.kill, (pid, signal.SIGSTOP))
        timer.start()
        try:
            samples = workers.collect().samples
        finally:
            timer.join()
            os.kill(pid, signal.SIGCONT)
    assert np.count_nonzero(samples.outcome == Outcome.UNFINISHED) == 6


def test_workers_do_not_outlive_a_parent_that_is_killed(environment: Environment) -> None:
    script = (
        "import sys, time, pickle\n"
        "from bench.load.workers import Workers\n"
        "endpoint, what = pickle.load(sys.stdin.buffer)\n"
        "with Workers(endpoint, what, {}, 1, 2) as workers:\n"
        "    workers.start(); print(*workers.pids, flush=True); time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert parent.stdin
    assert parent.stdout
    pickle.dump((environment.app, scenario(run__window="30s")), parent.stdin)
    parent.stdin.close()
    pids = [int(pid) for pid in parent.stdout.readline().split()]
    assert len(pids) == 2
    parent.kill()
    parent.wait()
    parent.stdout.close()
    _, alive = psutil.wait_procs([psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)], timeout=10)
    assert not alive


def test_an_unreachable_server_is_the_users_problem_not_a_traceback(environment: Environment) -> None:
    nowhere = msgspec.structs.replace(environment.app, port=1)
    with pytest.raises(SetupError, match="could not use its pool") as caught, Workers(nowhere, scenario(), {}, 1, 2):
        pass
    assert environment.app_password not in str(caught.value)
