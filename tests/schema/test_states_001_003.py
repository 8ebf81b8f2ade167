"""The state machines of policy, claim and quote: every step that is listed passes, every other is refused."""

from __future__ import annotations

import itertools
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import errors, sql

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.pg

ROWS: dict[str, dict[str, str]] = tomllib.loads((Path(__file__).parent / "rows_001_003.toml").read_text())

# What a row must hold in a state besides the state itself, and what it must not.
_DATES = {
    "policy": {"bound_at": "now()", "cancelled_at": "NULL", "cancellation_reason": "NULL"},
    "claim": {
        "approved_amount": "10", "paid_amount": "10", "denial_reason": "'Not covered.'", "closed_at": "NULL",
    },
    "quote": {"premium": "10", "decline_reason": "NULL"},
}  # fmt: skip
NEEDS = {
    "policy": {"cancelled": {"cancelled_at": "now()", "cancellation_reason": "'rewritten'"}},
    "claim": {"closed": {"closed_at": "now()"}},
    "quote": {"declined": {"decline_reason": "'Too risky.'"}},
}
TABLES = {"policy": "policies", "claim": "claims", "quote": "quotes"}
STATES = {
    "policy": ["draft", "bound", "active", "lapsed", "cancelled", "expired"],
    "claim": ["reported", "under_review", "approved", "denied", "paid", "closed", "reopened"],
    "quote": ["draft", "priced", "offered", "accepted", "converted", "declined", "expired"],
}
FINAL = {"policy": {"expired"}, "claim": set(), "quote": {"converted", "declined", "expired"}}
Connection = psycopg.Connection[tuple[Any, ...]]


def _columns(machine: str, state: str) -> dict[str, str]:
    return _DATES[machine] | NEEDS[machine].get(state, {}) | {"status": f"'{state}'"}


def _write(connection: Connection, machine: str, state: str) -> None:
    row = ROWS[TABLES[machine]] | _columns(machine, state)
    connection.execute(
        sql.SQL("INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE VALUES ({})").format(
            sql.Identifier(TABLES[machine]),
            sql.SQL(", ").join(map(sql.Identifier, row)),
            sql.SQL(", ").join(sql.SQL(value) for value in row.values()),
        )
    )


def _move(connection: Connection, machine: str, state: str) -> None:
    changes = [
        sql.SQL("{} = {}").format(sql.Identifier(column), sql.SQL(value))
        for column, value in _columns(machine, state).items()
    ]
    connection.execute(sql.SQL("UPDATE {} SET {}").format(sql.Identifier(TABLES[machine]), sql.SQL(", ").join(changes)))


def _steps(connection: Connection, machine: str) -> set[tuple[str, str]]:
    query = "SELECT from_state, to_state FROM state_transitions WHERE machine = %s"
    return {(before, after) for before, after in connection.execute(query, [machine])}


@pytest.fixture
def parents(at_003: str) -> Iterator[Connection]:
    """Give a connection to a database with a customer, a user and, for claims, a policy."""
    with psycopg.connect(at_003) as connection:
        for table in ("customers", "users"):
            row = ROWS[table]
            connection.execute(
                sql.SQL("INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE VALUES ({})").format(
                    sql.Identifier(table),
                    sql.SQL(", ").join(map(sql.Identifier, row)),
                    sql.SQL(", ").join(sql.SQL(value) for value in row.values()),
                )
            )
        connection.commit()
        yield connection


@pytest.mark.parametrize("machine", STATES)
def test_every_pair_of_states_is_judged(machine: str, parents: Connection) -> None:
    """A listed step passes; any other is refused by name, and the hint lists where the row may go instead."""
    if machine == "claim":
        _write(parents, "policy", "active")
        parents.commit()
    steps = _steps(parents, machine)
    assert {state for step in steps for state in step} == {"", *STATES[machine]}
    assert {state for state in STATES[machine] if not any(before == state for before, _ in steps)} == FINAL[machine]
    for before, after in itertools.permutations(STATES[machine], 2):
        with parents.transaction(force_rollback=True):
            _write(parents, machine, before)
            if (before, after) in steps:
                _move(parents, machine, after)
                continue
            with pytest.raises(errors.CheckViolation) as caught:
                _move(parents, machine, after)
            diagnostic = caught.value.diag
            assert diagnostic.constraint_name == f"state_{machine}"
            assert diagnostic.table_name == TABLES[machine]
            assert diagnostic.message_primary == f'a {machine} cannot go from "{before}" to "{after}"'
            allowed = ", ".join(sorted(to for start, to in steps if start == before))
            expected = (
                f'From "{before}" it may go to: {allowed}.' if allowed else f'"{before}" is final: nothing follows it.'
            )
            assert diagnostic.message_hint == expected


@pytest.mark.parametrize("machine", STATES)
def test_the_application_begins_at_the_beginning(machine: str, parents: Connection) -> None:
    """As bench_app only the listed first states can be written; the owner may take over history in any."""
    if machine == "claim":
        _write(parents, "policy", "active")
        parents.commit()
    first = {after for before, after in _steps(parents, machine) if before == ""}
    for state in STATES[machine]:
        with parents.transaction(force_rollback=True):
            parents.execute("SET LOCAL ROLE bench_owner")
            _write(parents, machine, state)
        with parents.transaction(force_rollback=True):
            parents.execute("SET LOCAL ROLE bench_app")
            if state in first:
                _write(parents, machine, state)
                continue
            with pytest.raises(errors.CheckViolation) as caught:
                _write(parents, machine, state)
            assert caught.value.diag.constraint_name == f"state_{machine}"
            assert caught.value.diag.message_hint == f"It may begin as: {', '.join(sorted(first))}."


def test_staying_in_a_state_is_no_step(parents: Connection) -> None:
    _write(parents, "policy", "expired")
    parents.execute("UPDATE policies SET status = 'expired', premium = 700")
