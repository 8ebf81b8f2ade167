"""Months of the partitioned logs are made ahead and leave by retention, however often and by however many at once."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import sql

from bench.environment import migrations
from bench.environment.audit.scratch import Scratch
from bench.environment.partition_checks import add_months, read_shape
from bench.environment.partitions import MAINTAINED, maintain
from bench.model.errors import SetupError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from bench.environment.embedded import Environment
    from bench.environment.partitions import Outcome
    from bench.model.endpoint import Endpoint

pytestmark = pytest.mark.pg

Connection = psycopg.Connection[Any]

MAINTAIN = """
import json, sys
import msgspec
from bench.environment.partitions import maintain
from bench.model.endpoint import Endpoint
endpoint = msgspec.json.decode(sys.stdin.buffer.read(), type=Endpoint)
print("ready", flush=True)
outcomes = maintain(endpoint, ahead=12, keep=2, drop=False, dry_run=False)
print(json.dumps({each.table: {"created": each.created, "removed": each.removed, "moved": each.moved_rows,
                               "verdict": each.verdict} for each in outcomes}))
"""


@pytest.fixture(scope="module")
def migrated(environment: Environment) -> Iterator[tuple[Scratch, Endpoint]]:
    scratch = Scratch(environment.admin)
    database = scratch.create()
    migrations.upgrade(database.dsn())
    yield scratch, database
    scratch.close()


@pytest.fixture
def database(migrated: tuple[Scratch, Endpoint]) -> Iterator[Endpoint]:
    """A database of this test's own at the newest revision, without data."""
    scratch, template = migrated
    made = scratch.create(template)
    yield made
    scratch.drop(made)


@pytest.fixture
def connection(database: Endpoint) -> Iterator[Connection]:
    options = "-c timezone=UTC"
    with psycopg.connect(database.dsn(), autocommit=True, options=options) as opened:
        yield opened


def _month(connection: Connection, number: int) -> datetime:
    [(month,)] = connection.execute("SELECT date_trunc('month', now())").fetchall()
    return add_months(month, number)


def _log(connection: Connection, *months: int) -> None:
    for number in months:
        connection.execute(
            "INSERT INTO audit_logs (created_at, job_name, action, entity_type, entity_id)"
            " VALUES (%s, 'renewal', 'read', 'policy', '1')",
            [_month(connection, number)],
        )


def _audit_log(outcomes: list[Outcome]) -> Outcome:
    return next(outcome for outcome in outcomes if outcome.table == "audit_logs")


def _run(database: Endpoint, ahead: int = 3, keep: int | None = None, *, drop: bool = False) -> Outcome:
    return _audit_log(maintain(database, ahead=ahead, keep=keep, drop=drop, dry_run=False))


def _failing(outcome: Outcome) -> dict[str, str]:
    return {check.name: check.evidence for check in outcome.checks if check.verdict == "fail"}


def test_months_are_made_ahead_once(database: Endpoint, connection: Connection) -> None:
    first, second = (maintain(database, ahead=6, keep=None, drop=False, dry_run=False) for _ in range(2))
    for each, again in zip(first, second, strict=True):
        assert list(each.created) == [f"{each.table}_{_month(connection, number):%Y_%m}" for number in (4, 5, 6)]
        assert again.created == ()
        assert each.verdict == again.verdict == "pass"
    assert [each.table for each in first] == [each.table for each in MAINTAINED]


def test_rows_move_out_of_the_default_partition_into_their_month(database: Endpoint, connection: Connection) -> None:
    _log(connection, 5, 5, -3, 0)
    outcome = _run(database, ahead=5, keep=12)
    assert outcome.moved_rows == 3
    assert outcome.verdict == "pass"
    counted = connection.execute("SELECT tableoid::regclass::text, count(*) FROM audit_logs GROUP BY 1").fetchall()
    assert dict(counted) == {
        f"audit_logs_{_month(connection, number):%Y_%m}": rows for number, rows in ((-3, 1), (0, 1), (5, 2))
    }


def test_rows_beyond_the_window_stay_and_are_named(database: Endpoint, connection: Connection) -> None:
    """A clock error of decades must not make hundreds of partitions, nor go unnoticed."""
    _log(connection, -300, 80)
    outcome = _run(database, ahead=3, keep=12)
    assert outcome.created == ()
    months = [f"1 of {_month(connection, number):%Y-%m}" for number in (-300, 80)]
    assert _failing(outcome) == {"default partition": f"rows in audit_logs_default: {', '.join(months)}"}


def test_what_is_past_retention_is_detached_and_keeps_its_rows(database: Endpoint, connection: Connection) -> None:
    connection.execute("SELECT ensure_audit_partitions(0, 4)")
    _log(connection, -4, -2)
    outcome = _run(database, keep=2)
    gone = [f"audit_logs_{_month(connection, number):%Y_%m}" for number in (-4, -3)]
    assert list(outcome.removed) == gone
    assert outcome.verdict == "pass"
    detached = sql.Identifier(gone[0])
    assert connection.execute(sql.SQL("SELECT count(*) FROM {}").format(detached)).fetchone() == (1,)
    with pytest.raises(psycopg.errors.CheckViolation, match="evidence"):
        connection.execute(sql.SQL("DELETE FROM {}").format(detached))
    assert connection.execute("SELECT count(*) FROM audit_logs").fetchone() == (1,)


def test_dropping_asks_the_retention_rule_and_leaves_everything_if_it_says_no(
    database: Endpoint, connection: Connection
) -> None:
    connection.execute("SELECT ensure_audit_partitions(0, 90)")
    with pytest.raises(SetupError, match="cannot maintain the partitions of audit_logs") as caught:
        _run(database, keep=12, drop=True)
    assert "7 years" in caught.value.remedy
    assert len(read_shape(connection, "audit_logs").bounded) == 91 + 3
    outcome = _run(database, keep=84, drop=True)
    assert len(outcome.removed) == 6
    assert connection.execute("SELECT to_regclass(%s)", [outcome.removed[0]]).fetchone() == (None,)


def test_a_dry_run_prints_the_sql_and_changes_nothing(database: Endpoint, connection: Connection) -> None:
    connection.execute("SELECT ensure_audit_partitions(0, 4)")
    _log(connection, 5)
    before = read_shape(connection, "audit_logs")
    foreseen = _audit_log(maintain(database, ahead=5, keep=2, drop=False, dry_run=True))
    assert read_shape(connection, "audit_logs") == before
    text = "\n".join(foreseen.sql)
    assert "SELECT ensure_audit_partitions(5);" in text
    assert "SELECT drop_audit_partitions(2);" in text
    assert "moves 1 rows out of audit_logs_default" in text
    for line in foreseen.sql:
        connection.execute(line.encode())
    done = _run(database, ahead=5, keep=2)
    assert (done.created, done.removed, done.moved_rows) == ((), (), 0)
    after = {child.name for child in read_shape(connection, "audit_logs").children}
    assert after == {child.name for child in before.children} - set(foreseen.removed) | set(foreseen.created)


def test_two_processes_at_the_same_time_do_the_work_once(database: Endpoint, connection: Connection) -> None:
    """Each month is made by one of them, each old one detached by one of them, and neither fails."""
    connection.execute("SELECT ensure_audit_partitions(0, 6)")
    _log(connection, *([9] * 20))
    secret = json.dumps({name: getattr(database, name) for name in database.__struct_fields__}).encode()
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", MAINTAIN], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for _ in range(2)
    ]
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write(secret)
        worker.stdin.close()
        worker.stdin = None
    found = []
    for worker in workers:
        output, errors = worker.communicate(timeout=120)
        assert worker.returncode == 0, errors.decode()
        found.append(json.loads(output.splitlines()[-1]))
    for table in ("audit_logs", "analytics_events"):
        created = [name for each in found for name in each[table]["created"]]
        assert sorted(created) == [f"{table}_{_month(connection, number):%Y_%m}" for number in range(4, 13)]
        removed = [name for each in found for name in each[table]["removed"]]
        assert len(removed) == len(set(removed)) == (4 if table == "audit_logs" else 0)
        assert [each[table]["verdict"] for each in found] == ["pass", "pass"]
    assert sum(each["audit_logs"]["moved"] for each in found) == 20


def test_writers_go_on_while_months_are_made(database: Endpoint, connection: Connection) -> None:
    """An open transaction that appends to the current month is not waited for."""
    with connection.transaction():
        _log(connection, 0)
        outcome = _run(database, ahead=6)
    assert len(outcome.created) == 3


def test_a_default_partition_in_use_is_waited_for_no_longer_than_the_lock_timeout(
    database: Endpoint, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.environment.partitions.LOCK_TIMEOUT", "200ms")
    with connection.transaction():
        _log(connection, 5)
        with pytest.raises(SetupError, match="audit_logs") as caught:
            _run(database, ahead=6)
    assert "long transaction" in caught.value.remedy
    assert len(_run(database, ahead=6).created) == 3


def _break_grant(connection: Connection) -> None:
    connection.execute(f"GRANT SELECT ON audit_logs_{_month(connection, 1):%Y_%m} TO bench_app".encode())


def _break_gap(connection: Connection) -> None:
    name = f"audit_logs_{_month(connection, -2):%Y_%m}"
    connection.execute("SELECT ensure_audit_partitions(0, 4)")
    connection.execute(f"ALTER TABLE audit_logs DETACH PARTITION {name}".encode())


def _break_index(connection: Connection) -> None:
    connection.execute("CREATE INDEX ix_half ON ONLY audit_logs (job_name)")


def _break_trigger(connection: Connection) -> None:
    name = f"audit_logs_{_month(connection, 1):%Y_%m}"
    connection.execute(f"DROP TRIGGER trg_audit_logs_no_truncate ON {name}".encode())


def _break_bounds(connection: Connection) -> None:
    first = _month(connection, 9)
    connection.execute(
        f"CREATE TABLE crooked PARTITION OF audit_logs FOR VALUES FROM ('{first}')"
        f" TO ('{first.replace(day=11)}')".encode()
    )
    connection.execute(
        "CREATE TRIGGER trg_audit_logs_no_truncate BEFORE TRUNCATE ON crooked"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change('audit_logs', 'No.')"
    )


def _break_row_security(connection: Connection) -> None:
    connection.execute("ALTER TABLE audit_logs ENABLE ROW LEVEL SECURITY")


@pytest.mark.parametrize(
    ("break_it", "check", "words"),
    [
        (_break_grant, "grants", "to bench_app"),
        (_break_gap, "gaps", "between audit_logs_"),
        (_break_index, "indexes", "ix_half is invalid"),
        (_break_trigger, "triggers", "lacking: trg_audit_logs_no_truncate on audit_logs_"),
        (_break_bounds, "bounds", "crooked"),
        (_break_row_security, "row-level security", "audit_logs_default"),
    ],
)
def test_what_is_wrong_with_partitions_is_found(
    break_it: Any, check: str, words: str, database: Endpoint, connection: Connection
) -> None:
    break_it(connection)
    outcome = _run(database)
    failing = _failing(outcome)
    assert words in failing[check]
    assert set(failing) - {"gaps"} == {check} - {"gaps"}  # a crooked month leaves gaps beside it
    assert outcome.verdict == "fail"
    assert all(each.remedy for each in outcome.checks if each.verdict == "fail")


def test_a_database_without_the_schema_is_refused_with_the_command_that_makes_it(environment: Environment) -> None:
    scratch = Scratch(environment.admin)
    try:
        with pytest.raises(SetupError, match="audit_logs") as caught:
            _run(scratch.create())
    finally:
        scratch.close()
    assert "bench schema upgrade" in caught.value.remedy
