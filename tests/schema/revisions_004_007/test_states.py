"""The state machines of notification and rate approval: listed steps pass, all others are refused."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import errors, sql

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

pytestmark = pytest.mark.pg

Connection = psycopg.Connection[tuple[Any, ...]]
Row = dict[str, str]
TABLES = {"notification": "notifications", "rate_approval": "rate_approvals"}
# Where a row may go from each state.
NEXT = {
    "notification": {
        "pending": {"sent", "failed", "expired", "cancelled"},
        "sent": {"delivered", "read", "failed"},
        "delivered": {"read"},
        "failed": {"pending", "expired", "cancelled"},
        "read": set(),
        "expired": set(),
        "cancelled": set(),
    },
    "rate_approval": {
        "draft": {"submitted", "withdrawn"},
        "submitted": {"under_review", "draft", "withdrawn"},
        "under_review": {"approved", "rejected", "withdrawn"},
        "approved": {"applied", "withdrawn"},
        "rejected": set(),
        "withdrawn": set(),
        "applied": set(),
    },
}
FIRST = {"notification": "pending", "rate_approval": "draft"}
# What a row holds in any state, and in one state, besides the state itself.
ALWAYS = {
    "notification": {"last_error": "'busy'", "delivered_at": "'2025-03-02 09:02Z'", "read_at": "NULL"},
    "rate_approval": {"decided_at": "'2025-03-03 08:00Z'", "applied_at": "NULL"},
}
NEEDS: dict[str, dict[str, Row]] = {
    "notification": {"read": {"read_at": "'2025-03-02 10:00Z'"}},
    "rate_approval": {"applied": {"applied_at": "'2025-03-04 08:00Z'"}},
}


def _columns(machine: str, state: str) -> Row:
    return ALWAYS[machine] | NEEDS[machine].get(state, {}) | {"status": f"'{state}'"}


def _move(connection: Connection, machine: str, state: str) -> None:
    changes = [
        sql.SQL("{} = {}").format(sql.Identifier(column), sql.SQL(value))
        for column, value in _columns(machine, state).items()
    ]
    table = sql.Identifier(TABLES[machine])
    connection.execute(sql.SQL("UPDATE {} SET {} WHERE id = 77").format(table, sql.SQL(", ").join(changes)))


@pytest.fixture
def write(
    filled: Connection, rows: list[tuple[str, Row]], insert: Callable[[Connection, str, Mapping[str, str]], None]
) -> Callable[[str, str], None]:
    """Give a function that writes row 77 of a machine in a state, a rate approval with steps for either outcome."""
    approvers = {"decision": "'approved'", "decided_by_user_id": "2", "decided_at": "'2025-03-03 08:00Z'"}

    def row(machine: str, state: str) -> None:
        unlike = {"notification": {"provider_message_id": "NULL"}, "rate_approval": {"tenant_id": "'beta'"}}[machine]
        insert(filled, TABLES[machine], dict(rows)[TABLES[machine]] | {"id": "77"} | unlike | _columns(machine, state))
        if machine == "rate_approval":
            step = {"id": "77", "rate_approval_id": "77", "tenant_id": "'beta'"} | approvers
            insert(filled, "rate_approval_steps", dict(rows)["rate_approval_steps"] | step)

    return row


@pytest.mark.parametrize("machine", TABLES)
def test_the_listed_steps_are_those_of_the_life_cycle(machine: str, empty: Connection) -> None:
    found = empty.execute("SELECT from_state, to_state FROM state_transitions WHERE machine = %s", [machine])
    steps = {(before, after) for before, states in NEXT[machine].items() for after in states}
    assert set(found.fetchall()) == steps | {("", FIRST[machine])}


@pytest.mark.parametrize("machine", TABLES)
def test_every_pair_of_states_is_judged(machine: str, filled: Connection, write: Callable[[str, str], None]) -> None:
    """A listed step passes; any other is refused by name, and the hint lists where the row may go instead."""
    for before, after in itertools.permutations(NEXT[machine], 2):
        with filled.transaction(force_rollback=True):
            write(machine, before)
            if after == "rejected":
                filled.execute("UPDATE rate_approval_steps SET note = 'No.' WHERE id = 77")
                filled.execute("ALTER TABLE rate_approval_steps DISABLE TRIGGER USER")
                filled.execute("UPDATE rate_approval_steps SET decision = 'rejected' WHERE id = 77")
            if after in NEXT[machine][before]:
                _move(filled, machine, after)
                continue
            with pytest.raises(errors.CheckViolation) as caught:
                _move(filled, machine, after)
            diagnostic = caught.value.diag
            assert diagnostic.constraint_name == f"state_{machine}"
            assert diagnostic.table_name == TABLES[machine]
            allowed = ", ".join(sorted(NEXT[machine][before]))
            assert diagnostic.message_hint == (
                f'From "{before}" it may go to: {allowed}.' if allowed else f'"{before}" is final: nothing follows it.'
            )


@pytest.mark.parametrize("machine", TABLES)
def test_the_application_begins_at_the_beginning(
    machine: str, filled: Connection, rows: list[tuple[str, Row]],
    insert: Callable[[Connection, str, Mapping[str, str]], None],
) -> None:  # fmt: skip
    """As bench_app only the listed first states can be written; the owner may take over history in any."""
    unlike = {"notification": {"provider_message_id": "NULL"}, "rate_approval": {"tenant_id": "'beta'"}}[machine]
    for state in NEXT[machine]:
        row = dict(rows)[TABLES[machine]] | {"id": "77"} | unlike | _columns(machine, state)
        with filled.transaction(force_rollback=True):
            insert(filled, TABLES[machine], row)
        with filled.transaction(force_rollback=True):
            filled.execute("SET LOCAL ROLE bench_app")
            filled.execute("SELECT set_config('app.tenant_id', 'beta', true), set_config('app.user_id', '1', true)")
            if state == FIRST[machine]:
                insert(filled, TABLES[machine], row)
                continue
            with pytest.raises(errors.CheckViolation) as caught:
                insert(filled, TABLES[machine], row)
            assert caught.value.diag.constraint_name == f"state_{machine}"
            assert caught.value.diag.message_hint == f"It may begin as: {FIRST[machine]}."


def test_the_owner_copies_history_in_any_state(filled: Connection) -> None:
    """COPY takes rows in every state, audit entries of past months included, with all rules on."""
    day = [f"2024-05-01 00:0{minute}Z" for minute in range(4)]
    lines = "".join(
        "\t".join(["1", "in_app", "note", state, "1", "busy", day[0], *day[:3], day[3] if state == "read" else "\\N"])
        + "\n"
        for state in NEXT["notification"]
    )
    with filled.cursor().copy(
        """COPY notifications (user_id, channel, template, status, attempts, last_error, created_at, scheduled_at,
                               sent_at, delivered_at, read_at) FROM STDIN"""
    ) as copy:
        copy.write(lines)
    assert filled.execute("SELECT count(DISTINCT status) FROM notifications").fetchone() == (7,)
    filled.execute("SELECT ensure_audit_partitions(3, 30)")
    columns = "created_at, actor_user_id, action, entity_type, entity_id"
    with filled.cursor().copy(f"COPY audit_logs ({columns}) FROM STDIN".encode()) as copy:
        copy.write("".join(f"2025-0{month}-07 12:00Z\t1\tread\tpolicy\t{month}\n" for month in range(1, 10)))
    assert filled.execute("SELECT count(*) FROM audit_logs WHERE action = 'read'").fetchone() == (9,)


def test_tables_of_tenants_are_loaded_through_a_temporary_table(filled: Connection) -> None:
    """COPY refuses tables under forced row-level security, also from the owner; INSERT … SELECT does not."""
    filled.execute("CREATE TEMP TABLE incoming (LIKE admin_activity_logs INCLUDING DEFAULTS) ON COMMIT DROP")
    line = "5\tacme\t2024-05-01 00:00Z\ta.b\ta\t1\n"
    columns = "id, tenant_id, created_at, action, resource_type, resource_id"
    with (
        pytest.raises(errors.FeatureNotSupported),
        filled.transaction(),
        filled.cursor().copy(f"COPY admin_activity_logs ({columns}) FROM STDIN".encode()) as copy,
    ):
        copy.write(line)
    with filled.cursor().copy(f"COPY incoming ({columns}) FROM STDIN".encode()) as copy:
        copy.write(line)
    assert (
        filled.execute("INSERT INTO admin_activity_logs OVERRIDING SYSTEM VALUE SELECT * FROM incoming").rowcount == 1
    )
