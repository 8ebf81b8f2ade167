"""pgbench's log and its complaints as samples."""

from __future__ import annotations

import numpy as np
import pytest

from bench.load.pgbench_log import (
    Aborted,
    fewest_executions,
    last_ends_ns,
    read_aborts,
    read_log,
    rows_in_flight,
    rows_of_aborts,
    to_rows,
)
from bench.model.errors import SetupError
from bench.model.sample import MISSING_NS, Outcome, Samples

CLOSED = "0 1 250 0 1000 500\n1 1 400 2 1000 900\n0 2 100 1 1001 0\n"
OPEN = "0 1 250 0 1000 500 50\n1 1 400 2 1000 900 0\n"
OFFSET_NS = 990_000_000_000
"""The epoch is this far ahead of the monotonic clock in these tests."""


def samples(text: str, operations: list[int]) -> Samples:
    return Samples.from_rows(to_rows(read_log(text), operations, OFFSET_NS), worker=0, start_ns=0)


def test_closed_loop_counts_latency_back_from_the_end() -> None:
    found = samples(CLOSED, [0, 0, 1])
    assert found.completed_ns.tolist() == [10_000_500_000, 10_000_900_000, 11_000_000_000]
    assert found.duration("response_time").tolist() == [250_000, 400_000, 100_000]
    assert found.duration("schedule_lag").tolist() == [0, 0, 0]
    assert found.duration("pool_wait").tolist() == [0, 0, 0]
    assert found.operation.tolist() == [0, 1, 0], "scripts belong to operations"


def test_at_a_rate_latency_holds_the_schedule_lag() -> None:
    """Pgbench counts from the scheduled start and tells the lag besides."""
    found = samples(OPEN, [0, 0, 0])
    assert found.duration("response_time").tolist() == [250_000, 400_000]
    assert found.duration("schedule_lag").tolist() == [50_000, 0]
    assert found.duration("service_time").tolist() == [200_000, 400_000]


@pytest.mark.parametrize(
    ("word", "outcome"),
    [
        ("serialization", Outcome.SERIALIZATION),
        ("deadlock", Outcome.DEADLOCK),
        ("failed", Outcome.SQL_ERROR),
    ],
)
def test_a_failed_transaction_keeps_its_place_and_has_no_length(word: str, outcome: Outcome) -> None:
    found = samples(f"0 1 250 0 1000 500 9\n0 2 {word} 0 1000 700 9\n", [0])
    assert found.outcome.tolist() == [Outcome.OK, outcome]
    assert found.intended_ns[1] == found.completed_ns[1] == 10_000_700_000


def test_a_line_cut_off_by_a_kill_is_left_out() -> None:
    assert len(read_log(CLOSED + "1 2 4")) == 3
    assert len(read_log("1 2 4")) == 0
    assert len(read_log("")) == 0


@pytest.mark.parametrize("text", ["0 1 2\n0 1 2 3\n", "hello world\n", "0 1 skipped 0 1000 500\n"])
def test_a_log_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(SetupError, match="a log that is not understood"):
        read_log(text)


ERRORS = """\
pgbench: error: client 2 script 1 aborted in command 1 query 0: ERROR:  new row violates check constraint "positive"
DETAIL:  Failing row contains (1969, Ada, -1).
pgbench: error: client 0 script 0 command 0 query 0: expected one row, got 0
pgbench: error: client 1 script 1 aborted in command 0 query 0: FATAL:  terminating connection due to a command
pgbench: error: client 1 aborted in command 0 (SQL) of script 1; perhaps the backend died while processing
pgbench: error: Run was aborted; the above results are incomplete.
"""


def test_each_client_that_pgbench_gave_up_is_found_once_with_what_it_said_first() -> None:
    aborts = read_aborts(ERRORS)
    assert [(abort.client, abort.script, abort.outcome) for abort in aborts] == [
        (2, 1, Outcome.SQL_ERROR),
        (0, 0, Outcome.NO_ROWS),
        (1, 1, Outcome.CONNECTION_LOST),
    ]
    assert not any("Ada" in abort.said for abort in aborts), "details hold rows of the database"
    assert read_aborts("") == ()


def test_the_last_operation_of_a_lost_client_is_booked_where_its_last_success_ended() -> None:
    last = last_ends_ns(read_log(CLOSED), OFFSET_NS)
    assert last == {0: 11_000_000_000, 1: 10_000_900_000}
    lost = [Aborted(1, 2, Outcome.SQL_ERROR, "x"), Aborted(7, 0, Outcome.NO_ROWS, "y")]
    rows = rows_of_aborts(lost, [0, 0, 1], last, start_ns=5)
    assert rows[:, 0].tolist() == [10_000_900_000, 5]
    assert rows[:, 5:].tolist() == [[1, Outcome.SQL_ERROR], [0, Outcome.NO_ROWS]]
    assert rows_of_aborts([], [0], last, 5).shape == (0, 7)


def test_what_never_ended_is_unfinished() -> None:
    rows = rows_in_flight([0, 7], last_ends_ns(read_log(CLOSED), OFFSET_NS), start_ns=5)
    found = Samples.from_rows(rows, worker=0, start_ns=0)
    assert found.outcome.tolist() == [Outcome.UNFINISHED] * 2
    assert found.completed_ns.tolist() == [MISSING_NS] * 2
    assert found.intended_ns.tolist() == [11_000_000_000, 5]


def test_executions_are_counted_for_the_client_and_statement_that_have_fewest() -> None:
    table = read_log(CLOSED + "1 2 400 0 1000 900\n1 3 400 1 1000 900\n")
    assert fewest_executions(table, clients=2, statements=[0, 0, 0]) == 2
    assert fewest_executions(table, clients=2, statements=[0, 0, 1]) == 0
    assert fewest_executions(table, clients=3, statements=[0, 0, 0]) == 0
    assert fewest_executions(np.empty((0, 7), np.int64), clients=1, statements=[0]) == 0
