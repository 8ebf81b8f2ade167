from __future__ import annotations

import numpy as np
import pytest

from bench.analysis.split import PARTS, ClientMeans, Counted, split_latency
from bench.analysis.statements import normalise, sort_statements
from bench.model.sample import MISSING_NS, Outcome, Samples
from tests.analysis.synthetic import (
    LOOKUP,
    MS,
    RESET,
    S,
    closed_loop,
    pooler_facts,
    scenario,
    server_facts,
    statement,
    summary_of,
    with_outcomes,
)

LOOKUP_NORMALISED = "select rate from rate_tables where state = $1 and effective <= $2"


def test_the_parts_add_up_to_the_time_from_intended_start_to_release() -> None:
    """2,000 operations in the window, 2 ms of reset each; half of the waits belong to the reset's own assignment."""
    treated = scenario(load={"model": "closed", "clients": 10})
    samples = closed_loop(treated, service_ns=8 * MS, release_ns=2 * MS)
    statements = [statement(LOOKUP_NORMALISED, 2000, 10.0), *(statement(sql, 2000, 0.2) for sql in RESET)]
    stats = {"total_query_count": 4000, "total_server_assignment_count": 4000, "total_wait_time": 2_000_000}
    summary = summary_of(
        treated, samples, pooler=pooler_facts(treated, stats), server=server_facts(treated, statements)
    )
    parts = summary.everything.split.parts
    assert tuple(parts) == PARTS
    assert parts["pooler_wait"] == pytest.approx(0.5e-3)
    assert parts["server"] == pytest.approx(5e-3)
    assert parts["driver_and_wire"] == pytest.approx(2.5e-3)
    assert parts["release"] == pytest.approx(2e-3)
    assert parts["unexplained"] == 0
    assert sum(parts.values()) == pytest.approx(summary.everything.cycle_s)
    assert summary.round_trips == 2
    assert summary.assignments == 2
    assert summary.everything.split.release_calls == 1


def test_what_counters_claim_beyond_service_time_is_printed_as_unexplained() -> None:
    split = split_latency(
        ClientMeans(0.0, 0.0, 10e-3, 10e-3), Counted(1.0, 4e-3, 8e-3, release_server_s=0.0, release_calls=0.0)
    )
    assert split.parts["driver_and_wire"] == 0
    assert split.parts["unexplained"] == pytest.approx(-2e-3)
    assert sum(split.parts.values()) == pytest.approx(10e-3)


def test_without_a_pooler_there_is_no_pooler_wait() -> None:
    treated = scenario(pooler="none")
    summary = summary_of(treated, server=server_facts(treated, [statement(LOOKUP_NORMALISED, 2000, 10.0)]))
    assert summary.everything.split.parts["pooler_wait"] == 0
    assert summary.everything.split.parts["driver_and_wire"] == pytest.approx(5e-3)
    assert summary.round_trips is None


def test_parts_that_no_counter_tells_are_refused_with_the_reason() -> None:
    split = summary_of(scenario()).everything.split
    assert set(split.parts) == {"schedule_lag", "pool_wait", "release"}
    assert "were not read" in split.refused["pooler_wait"]
    assert split.refused["server"] == "pg_stat_statements was not read"
    assert set(split.parts) | set(split.refused) == set(PARTS)


def test_operations_are_counted_between_the_readings_not_in_the_window() -> None:
    """Counters read over 1 s of a 2 s window are divided by the operations of that second."""
    treated = scenario()
    pooler = pooler_facts(treated, {"total_query_count": 2000}, since_ns=1 * S, until_ns=2 * S)
    assert summary_of(treated, pooler=pooler).round_trips == 2


def test_operations_that_never_had_a_connection_made_no_round_trip() -> None:
    """Every second operation gives up waiting for the pool: it ends, and pgBouncer never hears of it."""
    treated = scenario()
    samples = with_outcomes(closed_loop(treated), 2, Outcome.POOL_TIMEOUT)
    columns = {name: getattr(samples, name) for name in Samples.__slots__}
    acquired = np.where(samples.outcome == Outcome.POOL_TIMEOUT, MISSING_NS, samples.acquired_ns)
    gave_up = Samples(**{**columns, "acquired_ns": acquired})
    assert summary_of(treated, gave_up, pooler=pooler_facts(treated, {"total_query_count": 1000})).round_trips == 1


def test_a_pooler_that_does_not_count_assignments_still_tells_its_wait() -> None:
    """Before pgBouncer 1.23 there is no total_server_assignment_count."""
    treated = scenario()
    pooler = pooler_facts(treated, {"total_query_count": 2000, "total_wait_time": 4_000_000})
    summary = summary_of(treated, pooler=pooler)
    assert summary.assignments is None
    assert summary.everything.split.parts["pooler_wait"] == pytest.approx(2e-3)


def test_of_several_operations_each_gets_the_server_time_of_its_own_statements() -> None:
    treated = scenario(
        operations=[
            {"name": "read", "sql": "SELECT a FROM t WHERE b IN (1, 2, 3)"},
            {"name": "move", "step": [{"sql": "UPDATE t SET a = 'x'"}]},
        ],
        load={"model": "closed", "clients": 1},
    )
    samples = closed_loop(treated, service_ns=5 * MS, operation=lambda i: i % 2)
    server = server_facts(
        treated,
        [
            statement("SELECT a FROM t WHERE b IN ($1 /*, ... */)", 200, 0.2),
            statement("UPDATE t SET a = $1", 200, 0.6),
            statement("BEGIN", 200, 0.1),
        ],
    )
    summary = summary_of(treated, samples, server=server)
    assert summary.operations["read"].split.parts["server"] == pytest.approx(1e-3, rel=0.01)
    assert summary.operations["move"].split.parts["server"] == pytest.approx(3e-3, rel=0.01)
    assert "tell operations apart" in summary.operations["read"].split.refused["pooler_wait"]
    assert summary.everything.split.parts["server"] == pytest.approx(0.9 / 400, rel=0.01)


def test_a_statement_that_two_operations_share_is_given_to_neither() -> None:
    treated = scenario(operations=[{"name": "a", "sql": "select 1 from t"}, {"name": "b", "sql": "SELECT 2 FROM  t;"}])
    times = sort_statements(server_facts(treated, [statement("select $1 from t", 9, 1.0)]), treated.operation)
    assert times.operations_s == {}
    assert times.scenario_s == 1.0


def test_statements_are_sorted_by_what_they_were_for() -> None:
    treated = scenario()
    statements = [
        statement(LOOKUP_NORMALISED, 5, 1.0),
        statement("BEGIN", 5, 0.25),
        statement("COMMIT", 5, 0.25),
        statement("WITH RECURSIVE typeinfo_tree AS (SELECT 1) SELECT 1", 1, 0.125),
        *(statement(sql, 7, 0.5) for sql in RESET),
    ]
    times = sort_statements(server_facts(treated, statements), treated.operation)
    assert (times.scenario_s, times.transaction_s, times.other_s, times.release_s) == (1.0, 0.5, 0.125, 2.0)
    assert times.release_calls == 7
    assert times.load_s == 1.625


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (LOOKUP, LOOKUP_NORMALISED),
        ("select f($1, 'it''s', 2.5) -- why\n", "SELECT f($1,$2,$3)"),
        ("select * from t where a in (1,2,3)", "select * from t where a in ($1 /*, ... */)"),
        ("SELECT  1 ;", "select $1"),
        (LOOKUP, f"PREPARE bench_explain AS {LOOKUP_NORMALISED}"),
    ],
)
def test_written_and_recorded_statements_agree_once_normalised(written: str, shown: str) -> None:
    assert normalise(written) == normalise(shown)


def test_names_with_digits_are_no_constants() -> None:
    assert normalise("select a1 from t2") != normalise("select a1 from t3")


def test_nothing_is_divided_where_no_operation_ended_well() -> None:
    split = split_latency(None, Counted(None, None, None, 0.0, 0.0))
    assert split.parts == {}
    assert set(split.refused) == set(PARTS)
