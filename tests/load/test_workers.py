"""Worker processes against real servers: nothing is lost, nothing is left behind, and the start is one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import psycopg
import pytest

from bench.environment.observation import PoolerObserver
from bench.environment.pooler_ini import PoolerSettings
from bench.load.priming import rounds
from bench.model.sample import Outcome
from tests.load.pools import ask
from tests.load.trials import PLUS, STEPS, generator, open_loop, run, scenario

if TYPE_CHECKING:
    from bench.environment.embedded import Environment
    from bench.model.scenario import Level

pytestmark = pytest.mark.pg

SOON_NS = 300_000_000


# What is recorded


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


def test_both_workers_start_together_on_one_clock_and_share_pool_and_clients(environment: Environment) -> None:
    what = scenario()
    collected = run(environment, what)
    samples = collected.samples
    firsts = [samples.dispatched_ns[samples.worker == worker].min() for worker in (0, 1)]
    assert min(firsts) >= 0, "none begins before the start"
    assert abs(firsts[0] - firsts[1]) < what.run.warmup
    assert [(facts.pool_size, facts.clients) for facts in collected.workers] == [(2, 3), (2, 3)]


@pytest.mark.parametrize("driver", ["asyncpg", "asyncpg-queue", "psycopg"])
def test_every_arrival_of_all_workers_is_on_the_books(environment: Environment, driver: str) -> None:
    """400 a second for one second, of which two workers with a place each and 100 ms of work can serve about 20."""
    text = PLUS.replace("SELECT $1::int + 1", "SELECT pg_sleep(0.1) WHERE $1::int > 0")
    settings: dict[str, Level] = {"load__rate": "400/s", "load__arrival": "constant", "load__max_in_flight": 2}
    samples = run(environment, open_loop(text, pool__driver=driver, **settings)).samples
    counts = np.bincount(samples.outcome, minlength=len(Outcome))
    assert 398 <= len(samples) <= 402
    assert counts[Outcome.OK] + counts[Outcome.NOT_SENT] + counts[Outcome.UNFINISHED] == len(samples)
    assert counts[Outcome.NOT_SENT] > 300
    assert 5 <= counts[Outcome.OK] <= 22


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
@pytest.mark.parametrize(
    ("sql", "outcome", "said"),
    [
        ("SELECT $1::int / 0", Outcome.SQL_ERROR, "division by zero"),
        ("SELECT $1::int WHERE false", Outcome.NO_ROWS, None),
        ("INSERT INTO state_probe VALUES ($1::int - 100)", Outcome.CONSTRAINT, "violates check constraint"),
        ("SELECT pg_sleep(2) WHERE $1::int > 0", Outcome.QUERY_TIMEOUT, "canceling statement due to statement timeout"),
    ],
)
def test_an_error_becomes_an_outcome_with_an_example_and_the_load_goes_on(
    environment: Environment, driver: str, sql: str, outcome: Outcome, said: str | None
) -> None:
    with psycopg.connect(environment.admin.dsn(), autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS state_probe (n int CHECK (n > 0))")
        connection.execute("GRANT ALL ON state_probe TO bench_app_login")
        connection.execute("ALTER ROLE bench_app_login SET statement_timeout = '100ms'")
    try:
        collected = run(environment, scenario(PLUS.replace("SELECT $1::int + 1", sql), pool__driver=driver))
    finally:
        ask(environment.admin, "ALTER ROLE bench_app_login RESET statement_timeout")
    assert set(collected.samples.outcome.tolist()) == {int(outcome)}
    assert len(collected.samples) > 6
    assert list(collected.examples) == ([outcome] if said else [])
    assert said is None or said in collected.examples[outcome]
    assert "Failing row" not in str(collected.examples), "details hold rows of the database"


@pytest.mark.parametrize("driver", ["asyncpg", "asyncpg-queue", "psycopg"])
def test_every_connection_has_passed_its_thresholds_before_the_load(environment: Environment, driver: str) -> None:
    executions = [
        facts.executions_per_connection_min for facts in run(environment, scenario(pool__driver=driver)).workers
    ]
    assert executions == [rounds(driver)] * 2


def test_connections_replaced_within_the_window_are_counted(environment: Environment) -> None:
    collected = run(environment, scenario(pool__max_queries=100))
    assert sum(facts.connections_opened for facts in collected.workers) > 0


def test_ten_thousand_users_fit_into_one_worker(environment: Environment) -> None:
    users = 'model = "users", users = 10000, think_time = "30s"'
    text = PLUS.replace('model = "closed", clients = 6', users)
    (facts,) = run(environment, scenario(text, pool__workers=1)).workers
    assert facts.clients == 10_000
    assert facts.rss_bytes < 300_000_000


def test_cpu_and_wall_time_are_those_of_the_window(environment: Environment) -> None:
    what = scenario(run__warmup="1s", run__window="500ms")
    for facts in run(environment, what).workers:
        assert facts.wall_s == pytest.approx(0.5, rel=0.2)
        assert 0 < facts.cpu_s <= facts.wall_s * 1.05, "one thread"


def test_a_worker_whose_arrivals_end_early_stays_until_the_end_of_the_window(environment: Environment) -> None:
    """A few arrivals a second leave it nothing to do, and its CPU must still be that of the whole window."""
    for facts in run(environment, open_loop(load__rate="4/s", load__arrival="constant")).workers:
        assert facts.wall_s == pytest.approx(0.8, rel=0.2)


# Round trips


@pytest.mark.parametrize(
    ("settings", "round_trips", "assignments"),
    [
        ({"pool.driver": "asyncpg"}, 2, 2),
        ({"pool.driver": "asyncpg", "pool.reset": "none"}, 1, 1),
        ({"pool.driver": "asyncpg-queue"}, 1, 1),
        ({"pool.driver": "psycopg"}, 1, 1),
        ({"pool.driver": "psycopg", "pool.autocommit": False}, 3, 1),
        ({"pool.driver": "pgbench"}, 1, 1),
    ],
)
def test_under_load_one_select_costs_what_it_costs_alone(
    environment: Environment, settings: dict[str, Level], round_trips: int, assignments: int
) -> None:
    """Counted by pgBouncer over the window: the reset query and BEGIN/COMMIT are round trips too."""
    what = scenario(**{name.replace(".", "__"): value for name, value in settings.items()})
    environment.pooler.apply(PoolerSettings(pool_size=4), environment.pooled.dbname)
    process = environment.pooler.process
    observer = PoolerObserver([(environment.pooler.console, process.pid if process else None)], environment.app)
    try:
        with generator(environment, what, pooled=True) as load:
            start_ns = load.start()
            load.watch_until(start_ns + what.run.warmup)
            observer.begin()
            load.watch_until(start_ns + what.run.warmup + round(what.run.window * 0.8))
            facts = observer.end(start_ns, mode="transaction", pool_size=4, max_prepared_statements=200)
            samples = load.collect().samples
    finally:
        observer.close()
    done = np.count_nonzero((samples.completed_ns >= facts.since_ns) & (samples.completed_ns < facts.until_ns))
    assert facts.stats["total_query_count"] / done == pytest.approx(round_trips, rel=0.05)
    assert facts.stats["total_server_assignment_count"] / done == pytest.approx(assignments, rel=0.05)


@pytest.mark.parametrize("driver", ["asyncpg", "asyncpg-queue", "psycopg", "pgbench"])
def test_steps_pass_values_on_within_one_transaction(environment: Environment, driver: str) -> None:
    samples = run(environment, scenario(STEPS, pool__driver=driver)).samples
    assert np.count_nonzero(samples.outcome == Outcome.OK) > 20
    assert not np.any(np.isin(samples.outcome, [Outcome.NO_ROWS, Outcome.SQL_ERROR]))
