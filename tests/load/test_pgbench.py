"""pgbench on real servers: the scenario it runs is the one that was asked for, and what it logs is what happened."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import pytest

from bench.environment.pooler_ini import PoolerSettings
from bench.load.pgbench_process import epoch_offset_ns
from bench.model.errors import SetupError
from bench.model.sample import Outcome
from tests.load.pools import ask, eventually, rows_seen, totals
from tests.load.trials import PLUS, drawing, generator, open_loop, run, scenario, single, writing

if TYPE_CHECKING:
    from pathlib import Path

    from bench.environment.embedded import Environment
    from bench.load.workers import Collected
    from bench.model.scenario import Scenario

pytestmark = pytest.mark.pg


# What is run


@pytest.mark.usefixtures("seen")
def test_values_arrive_as_they_are(environment: Environment, pgbench: Path) -> None:
    """Quotes, line breaks, colons, backslashes, arrays, and NULL, which pgbench has no word for."""
    sample = "SELECT 1"
    what = writing(
        single("INSERT INTO seen (a, b, c) -- it's: a comment\n VALUES ($1, $2, $3)"),
        parameters=f'[{{ kind = "sample", names = ["a", "b", "c"], sql = "{sample}" }}]',
    )
    asked = [('it\'s "a"\n:b \\c', 7, ["x,y", 'q"', None, ""]), (None, None, None), (" ", -1, [])]
    run(environment, what, pgbench=pgbench, populations={sample: asked})
    found = Counter((a, b, None if c is None else tuple(c)) for a, b, c in rows_seen(environment, "a, b, c"))
    assert set(found) == {(a, b, None if c is None else tuple(c)) for a, b, c in asked}


@pytest.mark.usefixtures("seen")
def test_numbers_of_a_sequence_are_never_used_twice(environment: Environment, pgbench: Path) -> None:
    what = writing(
        single("INSERT INTO seen (b) VALUES ($1)"), parameters='[{ kind = "sequence", name = "n", start = 100 }]'
    )
    run(environment, what, pgbench=pgbench)
    used = [number for (number,) in rows_seen(environment, "b")]
    assert len(used) == len(set(used)) > 20
    assert min(used) == 100


def test_operations_and_arguments_come_in_proportion(environment: Environment, pgbench: Path) -> None:
    what = writing(
        single("SELECT $1::int", "often", 3),
        single("SELECT $1::int + 1", "seldom", 1),
        parameters='[{ kind = "choice", name = "n", values = [1, 2], weights = [0.8, 0.2] }]',
    )
    samples = run(environment, what, pgbench=pgbench).samples
    counts = np.bincount(samples.operation)
    expected = 0.75 * counts.sum()
    assert abs(counts[0] - expected) < 5 * np.sqrt(expected * 0.25)


@pytest.mark.usefixtures("seen")
def test_steps_pass_returned_values_on_and_commit_together(environment: Environment, pgbench: Path) -> None:
    """A data-modifying statement within WITH is allowed at the top level, which is where the wrapper puts it."""
    steps = """
[[operation]]
name = "move"
parameters = [{ kind = "uniform", name = "n", low = 5, high = 5 }]
[[operation.step]]
sql = "INSERT INTO seen (a, b) VALUES ('first', $1) RETURNING id, b"
args = ["n"]
returns = ["id", "amount"]
[[operation.step]]
sql = "INSERT INTO seen (a, b) VALUES ('second of ' || $1::text, $2::int + 1)"
args = ["id", "amount"]
"""
    samples = run(environment, writing(steps), pgbench=pgbench).samples
    assert set(samples.outcome.tolist()) == {Outcome.OK}
    written = {number: (a, b) for number, a, b in rows_seen(environment, "id, a, b")}
    firsts = [number for number, (a, _) in written.items() if a == "first"]
    assert sorted(a for a, _ in written.values() if a != "first") == sorted(f"second of {n}" for n in firsts)
    assert {b for a, b in written.values() if a != "first"} == {6}


@pytest.mark.usefixtures("seen")
def test_a_null_is_not_passed_on_as_an_empty_text(environment: Environment, pgbench: Path) -> None:
    """That is what pgbench would keep of it; so it counts as a missing row."""
    steps = """
[[operation]]
name = "null"
[[operation.step]]
sql = "SELECT NULL::text"
returns = ["nothing"]
[[operation.step]]
sql = "INSERT INTO seen (a) VALUES ($1)"
args = ["nothing"]
"""
    with pytest.raises(SetupError, match="pgbench ended before the trial did") as caught:
        run(environment, writing(steps), pgbench=pgbench)
    assert "expected one row, got 0" in caught.value.evidence
    assert rows_seen(environment, "a") == []


# What is logged


@pytest.mark.usefixtures("seen")
def test_logged_instants_are_those_of_the_trials_clock(environment: Environment, pgbench: Path) -> None:
    """The server's clock must agree: each row was written between the start and the end of its operation."""
    what = writing(single("INSERT INTO seen (at) VALUES (clock_timestamp())"), load='model = "closed", clients = 1')
    with generator(environment, what, pgbench=pgbench) as load:
        start_ns = load.start()
        samples = load.collect().samples
    offset_ns = epoch_offset_ns() + start_ns
    stamped = (
        np.array([round(float(at) * 1e9) for (at,) in rows_seen(environment, "extract(epoch FROM at)")]) - offset_ns
    )
    order = np.argsort(samples.intended_ns)
    begun, ended = samples.intended_ns[order], samples.completed_ns[order]
    slack_ns = 3_000_000  # two programs read two clocks one after the other, and may be interrupted in between
    place = np.searchsorted(begun - slack_ns, stamped[stamped >= begun[0]], side="right") - 1
    inside = stamped[stamped >= begun[0]] <= ended[place] + slack_ns
    assert inside.all()
    assert len(samples) > 20


def test_a_closed_loop_fills_the_trial_and_nothing_else(environment: Environment, pgbench: Path) -> None:
    what = scenario(pool__driver="pgbench")
    collected = run(environment, what, pgbench=pgbench)
    samples = collected.samples
    end_ns = what.run.warmup + what.run.window
    assert samples.intended_ns.min() >= 0
    assert samples.intended_ns.max() < end_ns
    assert samples.intended_ns.max() > 0.9 * end_ns, "to the end, though pgbench counts whole seconds"
    assert np.array_equal(samples.intended_ns, samples.dispatched_ns)
    assert collected.notes == ()
    assert set(samples.outcome.tolist()) == {Outcome.OK}


def test_a_rate_is_kept_from_intended_starts(environment: Environment, pgbench: Path) -> None:
    collected = run(environment, open_loop(pool__driver="pgbench", load__rate="400/s"), pgbench=pgbench)
    samples = collected.samples
    assert abs(len(samples) - 400) < 5 * np.sqrt(400), "Poisson arrivals in one second"
    assert np.all(samples.dispatched_ns >= samples.intended_ns)
    assert np.all(samples.completed_ns >= samples.dispatched_ns)
    assert samples.duration("schedule_lag").max() > 0


@pytest.mark.parametrize(("clients", "size", "connections"), [(2, 4, 2), (9, 3, 3)])
def test_there_are_as_many_connections_as_clients_and_pool_allow(
    environment: Environment, clients: int, size: int, connections: int
) -> None:
    what = scenario(pool__driver="pgbench", load__clients=clients, pool__size=size)
    mine = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pgbench'"
    # Backends of an earlier trial may still be on their way out.
    ask(environment.admin, mine.replace("count(*)", "pg_terminate_backend(pid, 5000)"))
    counted: list[int] = []

    def enough() -> bool:
        counted.append(ask(environment.admin, mine)[0][0])
        return counted[-1] >= connections

    def all_are_there(_: object) -> None:
        eventually(enough)

    facts = run(environment, what, all_are_there).workers[0]
    assert max(counted) == connections
    assert (facts.pool_size, facts.clients) == (connections, connections)


def test_cpu_is_that_of_the_window(environment: Environment) -> None:
    what = scenario(pool__driver="pgbench", run__window="1s")
    with generator(environment, what) as load:
        start_ns = load.start()
        load.watch_until(start_ns + what.run.warmup)
        load.mark_window()
        load.watch_until(start_ns + what.run.warmup + what.run.window)
        load.mark_window()
        facts = load.collect().workers[0]
    assert 0 < facts.cpu_s <= facts.wall_s * 2, "two threads"
    assert facts.wall_s == pytest.approx(1, rel=0.2)
    assert facts.rss_bytes > 1_000_000


def test_executions_before_the_window_are_counted_from_the_log(environment: Environment) -> None:
    """Through a pooler all scripts of an operation share one statement; a server prepares each script's own."""
    pick = 'parameters = [{ kind = "choice", name = "n", values = [1.5, 2.5, 3.5] }]'
    text = PLUS.replace('parameters = [{ kind = "uniform", name = "n", low = 1, high = 5 }]', pick).replace(
        "::int", "::float"
    )
    environment.pooler.apply(PoolerSettings(pool_size=4), environment.pooled.dbname)
    pooled = run(environment, scenario(text, pool__driver="pgbench"), pooled=True).workers[0]
    direct = run(environment, scenario(text, pool__driver="pgbench", pooler__kind="none")).workers[0]
    assert pooled.executions_per_connection_min >= 6
    assert direct.executions_per_connection_min >= 1


# Through pgBouncer


def parses_and_binds(environment: Environment, what: Scenario) -> tuple[int, int, Collected]:
    environment.pooler.apply(PoolerSettings(pool_size=4), environment.pooled.dbname)
    before = totals(environment)
    collected = run(environment, what, pooled=True)
    after = totals(environment)
    grown = [after[name] - before.get(name, 0) for name in ("total_server_parse_count", "total_bind_count")]
    return grown[0], grown[1], collected


def test_a_statement_of_many_scripts_is_prepared_once_on_each_server_connection(environment: Environment) -> None:
    pick = ", ".join(f"{n}.5" for n in range(60))
    text = drawing(f'kind = "choice", name = "n", values = [{pick}]').replace("::int", "::float")
    parses, binds, collected = parses_and_binds(environment, scenario(text, pool__driver="pgbench"))
    assert set(collected.samples.outcome.tolist()) == {Outcome.OK}
    assert binds >= len(collected.samples) > 100
    assert parses <= 4


def test_without_a_statement_cache_nothing_is_prepared(environment: Environment) -> None:
    what = scenario(pool__driver="pgbench", pool__statement_cache=0)
    parses, binds, collected = parses_and_binds(environment, what)
    assert (parses, binds) == (0, 0)
    assert len(collected.samples) > 20
