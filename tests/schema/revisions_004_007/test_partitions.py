"""Months of the audit log and of the events are made ahead, once, and leave only as retention allows."""

from __future__ import annotations

import datetime as dt
import threading
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import errors, sql

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.pg

Connection = psycopg.Connection[tuple[Any, ...]]
ENTRY = b"""INSERT INTO audit_logs (created_at, job_name, action, entity_type, entity_id)
            SELECT %s, 'renewal', 'read', 'policy', n::text FROM generate_series(1, %s) AS n"""
PLACES = "SELECT tableoid::regclass::text, count(*) FROM audit_logs GROUP BY 1 ORDER BY 1"
CHANGES = ["UPDATE {} SET entity_id = '0'", "DELETE FROM {}", "TRUNCATE {}"]
PARENTS = [("audit", "audit_logs"), ("analytics", "analytics_events")]


def _names(connection: Connection, call: str) -> list[Any]:
    return [name for (name,) in connection.execute(f"SELECT {call}".encode())]


def _count(connection: Connection, table: str) -> int:
    (number,) = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))).fetchall()[0]
    return int(number)


def _month(away: int, parent: str = "audit_logs") -> str:
    """Name the partition that is ``away`` months from the current one."""
    months = dt.datetime.now(dt.UTC).year * 12 + dt.datetime.now(dt.UTC).month - 1 + away
    return f"{parent}_{months // 12}_{months % 12 + 1:02}"


@pytest.mark.parametrize(("kind", "parent"), PARENTS)
def test_the_upgrade_makes_this_month_and_three_ahead(kind: str, parent: str, empty: Connection) -> None:
    attached = _names(
        empty, f"inhrelid::regclass::text FROM pg_inherits WHERE inhparent = '{parent}'::regclass ORDER BY 1"
    )
    assert attached == [*(_month(away, parent) for away in range(4)), f"{parent}_default"]
    assert _names(empty, f"ensure_{kind}_partitions(3)") == []


@pytest.mark.parametrize(("kind", "parent"), PARENTS)
def test_only_missing_months_are_made(kind: str, parent: str, empty: Connection) -> None:
    """The answer names what was made, in order; asked again, nothing is left to do."""
    made = _names(empty, f"ensure_{kind}_partitions(5, 2)")
    assert made == [_month(away, parent) for away in (-2, -1, 4, 5)]
    assert _names(empty, f"ensure_{kind}_partitions(5, 2)") == []


def test_months_are_utc_whatever_the_session_says(empty: Connection) -> None:
    """Bounds meet without gap or overlap, at midnight UTC, also when made from a zone with another date."""
    empty.execute("SET timezone = 'Pacific/Auckland'")
    _names(empty, "ensure_audit_partitions(18, 3)")
    empty.execute("SET timezone = 'UTC'")
    bounds = empty.execute(
        """SELECT pg_get_expr(relpartbound, oid) FROM pg_class
           WHERE relispartition AND relname ~ '^audit_logs_[0-9]' AND relkind = 'r' ORDER BY relname"""
    ).fetchall()
    assert len(bounds) == 22
    edges = [bound.split("'")[1::2] for (bound,) in bounds]
    assert all(edge[8:] == "01 00:00:00+00" for pair in edges for edge in pair)
    assert [upper for _, upper in edges[:-1]] == [lower for lower, _ in edges[1:]]


def test_rows_in_the_default_partition_move(empty: Connection) -> None:
    """A month that was not made in time costs nothing: its rows move, unchanged, and later ones go there directly."""
    late = dt.datetime.now(dt.UTC) - dt.timedelta(days=62)
    old = late - dt.timedelta(days=4000)
    empty.execute(ENTRY, [late, 50])
    empty.execute(ENTRY, [old, 7])
    assert empty.execute(PLACES).fetchall() == [("audit_logs_default", 57)]
    before = empty.execute("SELECT sum(hashtextextended(a::text, 0)) FROM audit_logs AS a").fetchone()
    home = f"audit_logs_{late:%Y_%m}"
    assert home in _names(empty, "ensure_audit_partitions(3, 3)")
    empty.execute(ENTRY, [late, 1])
    assert empty.execute(PLACES).fetchall() == [(home, 51), ("audit_logs_default", 7)]
    empty.execute("ALTER TABLE audit_logs DISABLE TRIGGER USER")
    empty.execute("DELETE FROM audit_logs WHERE id = (SELECT max(id) FROM audit_logs)")
    assert empty.execute("SELECT sum(hashtextextended(a::text, 0)) FROM audit_logs AS a").fetchone() == before


def test_the_default_partition_stays_guarded_after_rows_moved(empty: Connection) -> None:
    empty.execute(ENTRY, ["2020-05-05", 3])
    empty.execute(ENTRY, [dt.datetime.now(dt.UTC) - dt.timedelta(days=40), 3])
    _names(empty, "ensure_audit_partitions(3, 3)")
    with pytest.raises(errors.CheckViolation), empty.transaction():
        empty.execute("DELETE FROM audit_logs_default")


def test_callers_at_once_share_the_work(at_007: str) -> None:
    """Four sessions ask for the same months together: each month is made once, and nobody fails."""
    with psycopg.connect(at_007) as connection:
        connection.execute(ENTRY, [dt.datetime.now(dt.UTC) - dt.timedelta(days=100), 200])
    together, made = threading.Barrier(4), []

    def ask() -> None:
        with psycopg.connect(at_007) as connection:
            together.wait(10)
            made.extend(_names(connection, "ensure_audit_partitions(6, 6)"))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(made) == sorted(_month(away) for away in (-6, -5, -4, -3, -2, -1, 4, 5, 6))
    with psycopg.connect(at_007) as connection:
        assert _count(connection, "audit_logs_default") == 0


def test_writers_go_on_while_months_are_made(at_007: str) -> None:
    """Making the months ahead neither waits for an open transaction that appends, nor stops one."""
    with psycopg.connect(at_007) as writer, psycopg.connect(at_007) as maintenance:
        for connection in (writer, maintenance):
            connection.execute("SET lock_timeout = '5s'")
        writer.execute(ENTRY, [dt.datetime.now(dt.UTC), 1])
        assert _names(maintenance, "ensure_audit_partitions(4)") == [_month(4)]
        writer.execute(ENTRY, [dt.datetime.now(dt.UTC), 1])
        writer.commit()
        maintenance.commit()


def test_past_months_are_detached_and_stay_evidence(empty: Connection, raised: Callable[[str, str], str]) -> None:
    """Detaching loses nothing: the table stays, immutable and out of the application's reach, until archived."""
    _names(empty, "ensure_audit_partitions(3, 4)")
    past = dt.datetime.now(dt.UTC) - dt.timedelta(days=65)
    gone = f"audit_logs_{past:%Y_%m}"
    empty.execute(ENTRY, [past, 9])
    expected = [name for name in (_month(-4), _month(-3), _month(-2)) if name <= gone]
    keep = next(away for away in range(5) if _month(-away) == gone) - 1
    assert _names(empty, f"drop_audit_partitions({keep})") == expected
    assert _names(empty, f"drop_audit_partitions({keep})") == []
    assert (_count(empty, "audit_logs"), _count(empty, gone)) == (0, 9)
    for statement in CHANGES:
        assert raised(statement, gone) == "audit_logs_immutable"
    assert _names(empty, f"has_any_column_privilege('bench_app', '{gone}', 'SELECT, INSERT')") == [False]
    applied = empty.execute(
        "SELECT last_applied_at IS NOT NULL FROM data_retention_policies WHERE table_name = 'audit_logs'"
    )
    assert applied.fetchone() == (True,)


def test_a_detached_month_comes_back_with_its_rows(empty: Connection) -> None:
    _names(empty, "ensure_audit_partitions(3, 3)")
    past = dt.datetime.now(dt.UTC) - dt.timedelta(days=65)
    empty.execute(ENTRY, [past, 9])
    gone = _names(empty, "drop_audit_partitions(0)")
    assert _names(empty, "ensure_audit_partitions(3, 3)") == gone == [_month(-3), _month(-2), _month(-1)]
    assert empty.execute(PLACES).fetchall() == [(f"audit_logs_{past:%Y_%m}", 9)]
    with pytest.raises(errors.CheckViolation), empty.transaction():
        empty.execute("DELETE FROM audit_logs")
    assert _names(empty, "drop_audit_partitions(0)") == gone


@pytest.mark.parametrize(("kind", "parent"), PARENTS)
def test_months_are_dropped_only_as_retention_allows(kind: str, parent: str, empty: Connection) -> None:
    """The rule's time, a legal hold and a missing rule each refuse by name; then the months go for good."""
    _names(empty, f"ensure_{kind}_partitions(3, 5)")

    def refused(hint: str) -> None:
        with pytest.raises(errors.CheckViolation) as caught, empty.transaction():
            _names(empty, f"drop_{kind}_partitions(2, true)")
        assert caught.value.diag.constraint_name == f"{parent}_retention"
        assert hint in (caught.value.diag.message_hint or "")

    refused("data_retention_policies demands 7 years" if kind == "audit" else "demands 1 year 1 mon")
    empty.execute(
        b"UPDATE data_retention_policies SET retain_for = '2 months', legal_hold_reason = %s WHERE table_name = %s",
        ["Case 17", parent],
    )
    refused("A legal hold is on (Case 17)")
    empty.execute("UPDATE data_retention_policies SET legal_hold_reason = NULL")
    assert _names(empty, f"drop_{kind}_partitions(2, true)") == [_month(away, parent) for away in (-5, -4, -3)]
    assert _names(empty, f"to_regclass('{_month(-3, parent)}')") == [None]
    empty.execute("DELETE FROM data_retention_policies")
    refused("has no row for the table")


def test_any_table_can_be_partitioned_by_day(empty: Connection) -> None:
    """The same functions serve days, and tables with other key columns, quoted names and no default partition."""
    empty.execute('CREATE TABLE "Beats" ("At" timestamptz NOT NULL, n integer) PARTITION BY RANGE ("At")')
    made = _names(empty, """ensure_range_partitions('"Beats"', 'day', 2, 1)""")
    today = dt.datetime.now(dt.UTC).date()
    assert made == [f"Beats_{today + dt.timedelta(days=day):%Y_%m_%d}" for day in (-1, 0, 1, 2)]
    assert _names(empty, """drop_range_partitions('"Beats"', 'day', 0, true)""") == made[:1]


@pytest.mark.parametrize(
    ("call", "error"),
    [
        ("ensure_audit_partitions(-1)", errors.InvalidParameterValue),
        ("ensure_audit_partitions(3, 401)", errors.InvalidParameterValue),
        ("ensure_audit_partitions(NULL)", errors.InvalidParameterValue),
        ("ensure_range_partitions('audit_logs', 'week', 1)", errors.InvalidParameterValue),
        ("ensure_range_partitions('users', 'month', 1)", errors.WrongObjectType),
        ("drop_audit_partitions(-1)", errors.InvalidParameterValue),
        ("drop_range_partitions('audit_logs', 'year', 1)", errors.InvalidParameterValue),
    ],
)
def test_nonsense_is_refused_with_a_hint(call: str, error: type[psycopg.Error], empty: Connection) -> None:
    with pytest.raises(error) as caught, empty.transaction():
        _names(empty, call)
    assert caught.value.diag.message_hint


def test_the_application_may_make_months_and_not_remove_them(empty: Connection) -> None:
    """EXECUTE is all a job needs, and the application holds it for what harms nobody."""
    empty.execute("SET ROLE bench_app")
    assert _names(empty, "ensure_audit_partitions(4)") == [_month(4)]
    assert _names(empty, "ensure_analytics_partitions(4)") == [_month(4, "analytics_events")]
    for call in (
        "drop_audit_partitions(12)",
        "drop_analytics_partitions(12)",
        "ensure_range_partitions('audit_logs', 'month', 5)",
        "drop_range_partitions('audit_logs', 'month', 12, true)",
    ):
        with pytest.raises(errors.InsufficientPrivilege), empty.transaction():
            _names(empty, call)
    empty.execute(
        "INSERT INTO audit_logs (job_name, action, entity_type, entity_id) VALUES ('j', 'read', 'policy', '1')"
    )
    for statement in (
        f"SELECT FROM {_month(0)}",
        """INSERT INTO audit_logs (created_at, job_name, action, entity_type, entity_id)
           VALUES (now(), 'j', 'read', 'p', '1')""",
        "DELETE FROM audit_logs",
        "UPDATE audit_logs SET reason = ''",
        "TRUNCATE audit_logs",
    ):
        with pytest.raises(errors.InsufficientPrivilege), empty.transaction():
            empty.execute(statement.encode())


@pytest.mark.parametrize("table", ["audit_logs", "audit_logs_default", "this month"])
def test_entries_are_immutable_for_everybody(table: str, empty: Connection, raised: Callable[[str, str], str]) -> None:
    """Superuser and owner meet the same trigger in the parent and in every partition, those made later included."""
    _names(empty, "ensure_audit_partitions(4)")
    empty.execute(ENTRY, ["2020-01-01", 1])
    empty.execute(ENTRY, [dt.datetime.now(dt.UTC), 1])
    empty.execute("RESET ROLE")
    name = _month(0) if table == "this month" else table
    for statement in CHANGES:
        assert raised(statement, name) == "audit_logs_immutable"
    assert raised("TRUNCATE {}", _month(4)) == "audit_logs_immutable"
