"""A rate change is approved by others than its requester, step by step, and every move is on record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import errors

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

pytestmark = pytest.mark.pg

Connection = psycopg.Connection[tuple[Any, ...]]
PROPOSE = b"""INSERT INTO rate_approvals (tenant_id, rate_table_version_id, requested_by_user_id, title, justification,
                                          impact_percent, required_approvals)
              VALUES ('beta', 1, 1, 'Auto collision', 'Loss ratio 78 %%.', 12, 2) RETURNING id"""
NAME = b"""INSERT INTO rate_approval_steps (rate_approval_id, tenant_id, requested_by_user_id, step_number,
                                            required_role)
           SELECT id, tenant_id, requested_by_user_id, %s, %s FROM rate_approvals WHERE id = %s"""
DECIDE = b"""UPDATE rate_approval_steps SET decision = %s, decided_by_user_id = %s, decided_at = now(),
                                             note = 'So be it.'
             WHERE rate_approval_id = %s AND step_number = %s AND decision = 'pending'"""
MOVES = {
    "submitted": b"UPDATE rate_approvals SET status = 'submitted', submitted_at = now() WHERE id = %s",
    "under_review": b"UPDATE rate_approvals SET status = 'under_review' WHERE id = %s",
    "approved": b"UPDATE rate_approvals SET status = 'approved', decided_at = now() WHERE id = %s",
    "rejected": b"UPDATE rate_approvals SET status = 'rejected', decided_at = now() WHERE id = %s",
    "applied": b"UPDATE rate_approvals SET status = 'applied', applied_at = now() WHERE id = %s",
}


@pytest.fixture
def application(
    filled: Connection,
    rows: list[tuple[str, dict[str, str]]],
    insert: Callable[[Connection, str, Mapping[str, str]], None],
) -> Connection:
    """Give a connection as the application, acting for tenant beta as user 1; there are users 1 to 4."""
    bo = dict(rows)["users"]
    for number in ("3", "4"):
        insert(filled, "users", bo | {"id": number, "email": f"'u{number}@example.com'"})
    filled.execute("SET LOCAL ROLE bench_app")
    filled.execute("SELECT set_config('app.tenant_id', 'beta', true), set_config('app.user_id', '1', true)")
    return filled


def _propose(connection: Connection, *, steps: int = 2) -> int:
    answer = connection.execute(PROPOSE).fetchone()
    assert answer is not None
    number: int = answer[0]
    for step in range(1, steps + 1):
        assert connection.execute(NAME, [step, "actuarial" if step == 1 else "compliance", number]).rowcount == 1
    return number


def _move(connection: Connection, number: int, *states: str) -> None:
    for state in states:
        assert connection.execute(MOVES[state], [number]).rowcount == 1


def _refused(connection: Connection, statement: bytes, arguments: list[Any]) -> str | None:
    with pytest.raises(errors.IntegrityError) as caught, connection.transaction():
        connection.execute(statement, arguments)
    return caught.value.diag.constraint_name


def test_the_workflow_under_row_security(application: Connection) -> None:
    """Proposed, submitted, reviewed by two others, approved, applied: seven moves and seven entries, authors named."""
    number = _propose(application)
    _move(application, number, "submitted", "under_review")
    for step, user in ((1, 2), (2, 3)):
        application.execute("SELECT set_config('app.user_id', %s, true)", [str(user)])
        assert application.execute(DECIDE, ["approved", user, number, step]).rowcount == 1
    _move(application, number, "approved", "applied")
    entries = application.execute(
        "SELECT action, actor_user_id FROM admin_activity_logs WHERE resource_type LIKE 'rate%' ORDER BY id"
    ).fetchall()
    assert entries == [
        ("rate_approval.created", 1),
        ("rate_approval.submitted", 1),
        ("rate_approval.under_review", 1),
        ("rate_approval_step.approved", 2),
        ("rate_approval_step.approved", 3),
        ("rate_approval.approved", 3),
        ("rate_approval.applied", 3),
    ]
    changes = application.execute(
        """SELECT old_values, new_values - 'submitted_at' FROM admin_activity_logs
           WHERE action = 'rate_approval.submitted'"""
    ).fetchone()
    assert changes == ({"status": "draft", "submitted_at": None}, {"status": "submitted"})


def test_log_and_change_share_their_fate(application: Connection) -> None:
    """A change that is rolled back leaves no entry, and an update that changes nothing writes none."""
    count = "SELECT count(*) FROM admin_activity_logs"
    number = _propose(application)
    assert application.execute(count).fetchone() == (1,)
    with application.transaction(force_rollback=True):
        _move(application, number, "submitted")
        assert application.execute(count).fetchone() == (2,)
    assert application.execute(count).fetchone() == (1,)
    application.execute("UPDATE rate_approvals SET title = title WHERE id = %s", [number])
    assert application.execute(count).fetchone() == (1,)


def test_the_requester_never_decides(application: Connection) -> None:
    """Four eyes hold for the step, for a forged requester, and for the owner in bulk."""
    number = _propose(application)
    _move(application, number, "submitted", "under_review")
    four_eyes = "ck_rate_approval_steps_four_eyes"
    assert _refused(application, DECIDE, ["approved", 1, number, 1]) == four_eyes
    forged = b"UPDATE rate_approval_steps SET requested_by_user_id = 2 WHERE rate_approval_id = %s"
    assert _refused(application, forged, [number]) == "fk_rate_approval_steps_approval"
    application.execute("SET ROLE bench_owner")
    assert _refused(application, DECIDE, ["rejected", 1, number, 1]) == four_eyes
    loaded = b"""INSERT INTO rate_approval_steps (rate_approval_id, tenant_id, requested_by_user_id, step_number,
                                                  required_role, decision, decided_by_user_id, decided_at)
                 VALUES (%s, 'beta', 1, 5, 'executive', 'approved', 1, now())"""
    assert _refused(application, loaded, [number]) == four_eyes


def test_a_requester_cannot_slip_out_of_the_rule(application: Connection) -> None:
    """Naming another requester after somebody decided meets the same rule through the foreign key."""
    number = _propose(application)
    _move(application, number, "submitted", "under_review")
    application.execute(DECIDE, ["approved", 2, number, 1])
    renamed = b"UPDATE rate_approvals SET requested_by_user_id = 2 WHERE id = %s"
    assert _refused(application, renamed, [number]) == "ck_rate_approval_steps_four_eyes"
    application.execute("UPDATE rate_approvals SET requested_by_user_id = 4 WHERE id = %s", [number])
    copied = application.execute(
        "SELECT DISTINCT requested_by_user_id FROM rate_approval_steps WHERE tenant_id = 'beta'"
    )
    assert copied.fetchall() == [(4,)]


def test_nobody_decides_twice(application: Connection) -> None:
    number = _propose(application)
    _move(application, number, "submitted", "under_review")
    application.execute(DECIDE, ["approved", 2, number, 1])
    assert _refused(application, DECIDE, ["approved", 2, number, 2]) == "uq_rate_approval_steps_decider"
    again = b"""UPDATE rate_approval_steps SET decision = 'rejected', note = 'No.'
                WHERE rate_approval_id = %s AND step_number = 1"""
    assert _refused(application, again, [number]) == "rate_approval_steps_decided_once"


@pytest.mark.parametrize(
    ("decisions", "move", "passes"),
    [
        ([], "approved", False),
        (["approved"], "approved", False),
        (["approved", "rejected"], "approved", False),
        (["approved", "approved"], "approved", True),
        ([], "rejected", False),
        (["approved", "approved"], "rejected", False),
        (["rejected"], "rejected", True),
        (["approved", "rejected"], "rejected", True),
    ],
)
def test_the_outcome_follows_the_steps(
    decisions: list[str], move: str, passes: object, application: Connection
) -> None:
    number = _propose(application)
    _move(application, number, "submitted", "under_review")
    for step, decision in enumerate(decisions, start=1):
        application.execute(DECIDE, [decision, step + 1, number, step])
    if passes:
        _move(application, number, move)
    else:
        assert _refused(application, MOVES[move], [number]) == "rate_approvals_decision_by_steps"


def test_too_few_steps_approve_nothing(application: Connection) -> None:
    """A change that takes two approvers is not approved by a form with one place."""
    number = _propose(application, steps=1)
    _move(application, number, "submitted", "under_review")
    application.execute(DECIDE, ["approved", 2, number, 1])
    assert _refused(application, MOVES["approved"], [number]) == "rate_approvals_decision_by_steps"


def test_steps_are_named_before_and_decided_during_the_review(application: Connection) -> None:
    number = _propose(application)
    assert _refused(application, DECIDE, ["approved", 2, number, 1]) == "rate_approval_steps_decided_once"
    decided = b"""INSERT INTO rate_approval_steps (rate_approval_id, tenant_id, requested_by_user_id, step_number,
                                                   required_role, decision, decided_by_user_id, decided_at)
                  VALUES (%s, 'beta', 1, 3, 'executive', 'approved', 2, now())"""
    assert _refused(application, decided, [number]) == "rate_approval_steps_named_before_review"
    _move(application, number, "submitted", "under_review")
    assert _refused(application, NAME, [3, "executive", number]) == "rate_approval_steps_named_before_review"


def test_one_proposal_at_a_time(application: Connection) -> None:
    number = _propose(application)
    assert _refused(application, PROPOSE, []) == "uq_rate_approvals_open"
    application.execute("UPDATE rate_approvals SET status = 'withdrawn' WHERE id = %s", [number])
    _propose(application)


def test_a_decision_waits_for_whoever_closes_the_review(
    at_007: str, rows: list[tuple[str, dict[str, str]]], insert: Callable[[Connection, str, Mapping[str, str]], None]
) -> None:
    """A step cannot be decided while another session withdraws the proposal."""
    with psycopg.connect(at_007) as closer, psycopg.connect(at_007) as approver:
        for table, row in rows:
            pending = {"decision": "'pending'", "decided_by_user_id": "NULL", "decided_at": "NULL"}
            insert(closer, table, row | (pending if table == "rate_approval_steps" else {}))
        closer.commit()
        closer.execute("UPDATE rate_approvals SET status = 'withdrawn' WHERE id = 1")
        approver.execute("SET lock_timeout = '200ms'")
        with pytest.raises(errors.LockNotAvailable):
            approver.execute(DECIDE, ["approved", 2, 1, 1])
        approver.rollback()
        closer.commit()
        assert _refused(approver, DECIDE, ["approved", 2, 1, 1]) == "rate_approval_steps_decided_once"
