from __future__ import annotations

import numpy as np
import pytest

from bench.model.sample import Outcome, Samples
from tests.analysis.synthetic import (
    MS,
    S,
    closed_loop,
    codes,
    open_loop,
    scenario,
    server_facts,
    statement,
    summary_of,
    worker_facts,
)


def thinned(samples: Samples, keep: float) -> Samples:
    """Lose operations evenly, as a recorder with a leak would."""
    number = np.arange(len(samples))
    return samples.where((number * keep).astype(int) != ((number + 1) * keep).astype(int))


@pytest.mark.parametrize(("keep", "law"), [(1.0, None), (0.97, None), (0.9, "littles-law"), (0.5, "littles-law")])
def test_lost_samples_break_littles_law_in_a_closed_loop(keep: float, law: str | None) -> None:
    """The number of clients is known without asking any sample; 5 % is tolerated."""
    summary = summary_of(scenario(), thinned(closed_loop(scenario()), keep))
    assert codes(summary.caveats) & {"littles-law", "operational-bound"} == ({law} if law else set())
    assert summary.valid_for() is (law is None)


def test_more_operations_than_the_clients_can_do_are_impossible() -> None:
    """Ten clients of 10 ms cannot do 2,000/s: the samples were counted twice."""
    samples = closed_loop(scenario())
    summary = summary_of(scenario(), Samples.concatenate([samples, samples]))
    caveat = next(caveat for caveat in summary.caveats if caveat.code == "operational-bound")
    assert "the bound is 1,000/s" in caveat.text
    assert caveat.invalidates


def test_think_time_belongs_to_the_cycle() -> None:
    treated = scenario(load={"model": "closed", "clients": 10, "think_time": "40ms"})
    assert not codes(summary_of(treated, closed_loop(treated)).caveats)


def test_failed_operations_occupy_their_client_too() -> None:
    samples = closed_loop(scenario())
    columns = {name: getattr(samples, name) for name in Samples.__slots__}
    failed = np.full(len(samples), int(Outcome.DEADLOCK), dtype=np.int8)
    summary = summary_of(scenario(), Samples(**{**columns, "outcome": failed}))
    assert "littles-law" not in codes(summary.caveats)


def test_a_window_of_few_stays_is_judged_with_its_edges_in_mind() -> None:
    """One client of 800 ms ends two or three times in a 2 s window: chance of the edges, not an error."""
    treated = scenario(load={"model": "closed", "clients": 1})
    summary = summary_of(treated, closed_loop(treated, service_ns=800 * MS))
    assert not codes(summary.caveats) & {"littles-law", "operational-bound"}


def test_a_frozen_closed_loop_has_no_throughput_to_speak_of() -> None:
    treated = scenario(load={"model": "closed", "clients": 3})
    rows = [(0, 0, 0, -1, -1, 0, int(Outcome.UNFINISHED))] * 3
    summary = summary_of(treated, Samples.from_rows(np.array(rows, dtype=np.int64), 0, 0))
    assert "none ended" in next(c.text for c in summary.caveats if c.code == "littles-law")


def test_users_who_think_at_random_obey_the_law() -> None:
    """500 users with exponential think time of mean 1 s on a fast system: about 500 operations a second."""
    generator = np.random.default_rng(3)
    treated = scenario(load={"model": "users", "users": 500, "think_time": "1s"}, pool={"size": 50})
    starts = []
    for _ in range(500):
        instant = generator.exponential(S)
        while instant < 2.5 * S:
            starts.append(instant)
            instant += MS + generator.exponential(S)
    summary = summary_of(treated, open_loop(treated, sorted(map(int, starts))))
    assert not codes(summary.caveats) & {"littles-law", "operational-bound"}
    half = summary_of(treated, open_loop(treated, sorted(map(int, starts))[::2]))
    assert "littles-law" in codes(half.caveats)


def test_an_overloaded_open_loop_is_not_accused_of_breaking_the_law() -> None:
    """Its queue grows, so the law does not apply; that more was offered than achieved is said instead."""
    treated = scenario(load={"model": "open", "rate": "2000/s"}, pool={"size": 1})
    summary = summary_of(treated, open_loop(treated, range(0, 2500 * MS, MS // 2)))
    assert "littles-law" not in codes(summary.caveats)
    assert "achieved-below-offered" in codes(summary.caveats)
    assert summary.valid_for()


def test_a_steady_open_loop_obeys_the_law_by_averages_over_time() -> None:
    treated = scenario(load={"model": "open", "rate": "1000/s"}, pool={"size": 4})
    summary = summary_of(treated, open_loop(treated, range(0, 2500 * MS, MS), service_ns=3 * MS))
    assert summary.concurrency == pytest.approx(3)
    assert not codes(summary.caveats)


@pytest.mark.parametrize(("size", "broken"), [(10, False), (9, True), (5, True)])
def test_more_connections_in_use_than_the_pool_has_are_impossible(size: int, broken: bool) -> None:  # noqa: FBT001 - a table
    samples = closed_loop(scenario(), size=10)
    summary = summary_of(scenario(pool={"size": size}), samples)
    assert ("utilisation-law" in codes(summary.caveats)) is broken


@pytest.mark.parametrize(("executing_s", "broken"), [(19.0, False), (20.9, False), (21.5, True), (40.0, True)])
def test_more_statements_executing_than_connections_are_impossible(executing_s: float, broken: bool) -> None:  # noqa: FBT001 - a table
    treated = scenario()
    server = server_facts(treated, [statement("select $1", 2000, executing_s)])
    assert ("utilisation-law" in codes(summary_of(treated, server=server).caveats)) is broken


@pytest.mark.parametrize(("cpu_s", "broken"), [(8.0, False), (8.3, False), (8.6, True)])
def test_more_cpu_time_than_the_cores_have_is_impossible(cpu_s: float, broken: bool) -> None:  # noqa: FBT001 - a table
    treated = scenario()
    summary = summary_of(treated, server=server_facts(treated, cpu_s=cpu_s))
    assert ("utilisation-law" in codes(summary.caveats)) is broken


def test_clients_are_those_the_workers_ran() -> None:
    """A client of pgbench owns its connection: they are as many, whatever `load.clients` says."""
    treated = scenario(load={"model": "closed", "clients": 20})
    same = closed_loop(scenario())
    assert "littles-law" in codes(summary_of(treated, same).caveats)
    assert "littles-law" not in codes(summary_of(treated, same, workers=(worker_facts(treated, clients=10),)).caveats)
