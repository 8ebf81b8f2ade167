"""The tables that turn foreign exceptions into outcomes: complete, and the same for every driver."""

from __future__ import annotations

from typing import Any

import asyncpg
import psycopg
import psycopg_pool
import pytest

from bench.load.drivers import asyncpg as asyncpg_driver
from bench.load.drivers import psycopg as psycopg_driver
from bench.load.drivers.outcomes import BY_CLASS, BY_STATE, POOLER_TEXTS, Refused, judge
from bench.load.performer import first_line
from bench.model.ports import NoRowToBind
from bench.model.sample import Outcome

# fmt: off
OF_THE_STATEMENT = {
    "02", "03", "09", "0A", "0B", "0F", "0L", "0P", "0Z", "10", "20", "21", "22", "24", "25", "26", "27", "2B", "2D",
    "2F", "34", "38", "39", "3B", "3F", "42", "44", "53", "54", "55", "57", "58", "72", "F0", "HV", "P0", "XX",
}
# fmt: on
"""Classes of SQLSTATE that somebody has looked at and found to be errors of the statement or of the server."""


def exceptions_of(module: Any, base: type[Exception]) -> list[Any]:
    found = [each for each in vars(module).values() if isinstance(each, type) and issubclass(each, base)]
    return [each for each in found if not issubclass(each, Warning)]


ASYNCPG = exceptions_of(asyncpg.exceptions, Exception)
PSYCOPG = exceptions_of(psycopg.errors, psycopg.Error) + exceptions_of(psycopg_pool.errors, psycopg.Error)
STATES = sorted({each.sqlstate for each in (*ASYNCPG, *PSYCOPG) if getattr(each, "sqlstate", None)})


def test_the_libraries_are_walked_whole() -> None:
    """Else the tests below would hold of nothing."""
    assert len(ASYNCPG) > 200
    assert len(PSYCOPG) > 200
    assert {psycopg_pool.PoolTimeout, psycopg_pool.PoolClosed, psycopg_pool.TooManyRequests} < set(PSYCOPG)


@pytest.mark.parametrize(
    ("kinds", "classify"), [(ASYNCPG, asyncpg_driver.classify), (PSYCOPG, psycopg_driver.classify)]
)
def test_every_exception_of_a_library_has_an_outcome(kinds: list[type[Exception]], classify: Any) -> None:
    assert [kind.__name__ for kind in kinds if classify(kind("said")) is None] == []


def outcomes_by_state(kinds: list[type[Exception]], classify: Any) -> dict[str, set[Outcome]]:
    found: dict[str, set[Outcome]] = {}
    for kind in kinds:
        if state := getattr(kind, "sqlstate", None):
            found.setdefault(state, set()).add(classify(kind("said")))
    return found


def test_a_state_means_the_same_in_every_driver() -> None:
    """Two drivers must not count one failure of the server under two names."""
    ours = outcomes_by_state(ASYNCPG, asyncpg_driver.classify)
    theirs = outcomes_by_state(PSYCOPG, psycopg_driver.classify)
    assert {state: ours[state] for state in ours.keys() & theirs} == {
        state: theirs[state] for state in ours.keys() & theirs
    }
    assert all(len(outcomes) == 1 for outcomes in (*ours.values(), *theirs.values()))


def test_every_class_of_states_that_a_library_knows_has_been_judged() -> None:
    """A library that learns a new class fails here, before its errors are counted under a name nobody chose."""
    assert {state[:2] for state in STATES} <= BY_CLASS.keys() | OF_THE_STATEMENT


def test_every_state_that_is_judged_exists() -> None:
    newest = {"25P04"}  # transaction_timeout, of PostgreSQL 17
    assert set(BY_STATE) <= set(STATES) | newest


@pytest.mark.parametrize(("text", "outcome"), POOLER_TEXTS.items())
def test_poolers_own_errors_are_told_apart_by_their_text(text: str, outcome: Outcome) -> None:
    assert judge("08P01", f"FATAL: {text}") == outcome
    assert judge("22012", text) == Outcome.SQL_ERROR, "only pgBouncer's state may be read by its text"


@pytest.mark.parametrize("classify", [asyncpg_driver.classify, psycopg_driver.classify])
@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (NoRowToBind(("a",)), Outcome.NO_ROWS),
        (Refused("no"), Outcome.REFUSED),
        (ConnectionResetError("gone"), Outcome.CONNECTION_LOST),
        (ZeroDivisionError("ours"), None),
        (KeyError("ours"), None),
    ],
)
def test_what_no_library_raises_is_ours(classify: Any, error: Exception, outcome: Outcome | None) -> None:
    """None makes the worker stop and show a traceback."""
    assert classify(error) == outcome


def test_misuse_of_a_driver_is_no_lost_connection() -> None:
    said = asyncpg.InterfaceError("the server expects 2 arguments for this query, 1 was passed")
    assert asyncpg_driver.classify(said) == Outcome.SQL_ERROR
    assert asyncpg_driver.classify(asyncpg.InterfaceError("connection is closed")) == Outcome.CONNECTION_LOST
    assert psycopg_driver.classify(psycopg.ProgrammingError("2 placeholders, 1 passed")) == Outcome.SQL_ERROR


def test_what_is_kept_of_an_error_holds_no_rows_of_the_database() -> None:
    """PostgreSQL puts them into the detail, which both libraries write below the message."""
    assert (
        first_line(psycopg.Error("new row violates\nDETAIL:  Failing row contains (Ada, 1815)")) == "new row violates"
    )
    assert first_line(TimeoutError()) == "TimeoutError"
