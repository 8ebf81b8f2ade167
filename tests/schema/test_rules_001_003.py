"""Every rule of revisions 001 to 003 refuses what it is there to refuse."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import errors, sql

pytestmark = pytest.mark.pg

_HERE = Path(__file__).parent
ROWS: dict[str, dict[str, str]] = tomllib.loads((_HERE / "rows_001_003.toml").read_text())
VIOLATIONS: dict[str, dict[str, list[dict[str, str]]]] = tomllib.loads((_HERE / "violations_001_003.toml").read_text())

Connection = psycopg.Connection[tuple[Any, ...]]


def _insert(connection: Connection, table: str, **changes: str) -> None:
    row = ROWS[table] | changes
    statement = sql.SQL("INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE VALUES ({})").format(
        sql.Identifier(table),
        sql.SQL(", ").join(sql.Identifier(column) for column in row),
        sql.SQL(", ").join(sql.SQL(expression) for expression in row.values()),
    )
    connection.execute(statement)


def _refused(connection: Connection, table: str, **changes: str) -> psycopg.errors.Diagnostic | None:
    """Try a row in a savepoint of its own; None if it was taken."""
    try:
        with connection.transaction(force_rollback=True):
            _insert(connection, table, **changes)
            connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
    except errors.IntegrityError as error:
        return error.diag
    return None


@pytest.fixture
def filled(at_003: str) -> Any:
    """Give a connection, as bench_owner, to a database that holds one valid row a table."""
    with psycopg.connect(at_003) as connection:
        connection.execute("SET ROLE bench_owner")
        for table in ROWS:
            _insert(connection, table)
        connection.commit()
        yield connection


def _constraints(connection: Connection, kinds: str) -> set[str]:
    found = connection.execute(
        """SELECT conname FROM pg_constraint WHERE conrelid <> 0 AND connamespace = 'public'::regnamespace
             AND contype = ANY (%s) AND conname NOT LIKE 'alembic%%'""",
        [list(kinds)],
    )
    return {name for (name,) in found}


def test_every_check_and_unique_rule_refuses(filled: Connection) -> None:
    """Each way to break a rule is refused by that rule and no other, and no rule is left untried."""
    wrong = {}
    for table, rules in VIOLATIONS.items():
        for rule, ways in rules.items():
            for way in ways:
                diagnostic = _refused(filled, table, **way)
                if diagnostic is None or diagnostic.constraint_name != rule:
                    wrong[rule, str(way)] = diagnostic and diagnostic.constraint_name
    assert wrong == {}
    unique_indexes = filled.execute(
        """SELECT c.relname FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
           WHERE i.indisunique AND c.relnamespace = 'public'::regnamespace AND c.relname LIKE 'uq%'"""
    )
    tried = {rule for rules in VIOLATIONS.values() for rule in rules}
    assert tried == _constraints(filled, "cx") | {name for (name,) in unique_indexes}


def test_every_primary_and_foreign_key_refuses(filled: Connection) -> None:
    """The same row twice meets the primary key; a parent that does not exist meets the foreign key."""
    for table in ROWS:
        again = _refused(filled, table)
        assert again is not None
        assert again.constraint_name == f"pk_{table}"
    keys = filled.execute(
        """SELECT k.conname, k.conrelid::regclass::text, a.attname
           FROM pg_constraint AS k
           JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[cardinality(k.conkey)]
           WHERE k.contype = 'f' AND k.connamespace = 'public'::regnamespace"""
    ).fetchall()
    assert len(keys) == len(_constraints(filled, "f")) > 15
    # What it takes for a second row of the table to be right in everything but the key.
    _insert(filled, "policies", id="9", policy_number="'AU0000000009'")
    _insert(filled, "quotes", id="9", quote_number="'Q0000000009'")
    _insert(filled, "quote_versions", quote_id="9")
    for name, table, column in keys:
        unique = {"id": "2"} if "id" in ROWS[table] else {}
        different = {
            "policies": {"policy_number": "'AU0000000002'"},
            "claims": {"claim_number": "'CL0000000002'"},
            "users": {"email": "'other@example.com'"},
            "quotes": {"quote_number": "'Q0000000002'"},
            "quote_versions": {"version_number": "2", "reason": "'correction'"},
            "quote_drivers": {"driver_number": "2"},
            "quote_vehicles": {"vehicle_number": "2", "vin": "NULL"},
            "quote_coverages": {"coverage": "'collision'"},
            "quote_conversions": {"quote_id": "9", "policy_id": "9"},
            "rate_table_versions": {"version_number": "2", "status": "'withdrawn'"},
        }.get(table, {})
        diagnostic = _refused(filled, table, **(unique | different | {column: "999"}))
        assert diagnostic is not None, name
        assert diagnostic.constraint_name == name


@pytest.mark.parametrize(
    ("table", "changes", "constraint", "hint"),
    [
        ("claims", {"loss_date": "'2024-12-31'"}, "claims_loss_within_term", "from 2025-01-01 until before 2025-07-01"),
        ("claims", {"loss_date": "'2025-07-01'", "reported_at": "'2025-08-01'"}, "claims_loss_within_term", "correct"),
        (
            "quote_versions",
            {"version_number": "3", "reason": "'correction'"},
            "quote_versions_no_gap",
            "next version is 2",
        ),
    ],
)
def test_a_trigger_names_rule_and_remedy(
    table: str, changes: dict[str, str], constraint: str, hint: str, filled: Connection
) -> None:
    different = {"claims": {"id": "2", "claim_number": "'CL0000000002'"}}.get(table, {})
    diagnostic = _refused(filled, table, **(different | changes))
    assert diagnostic is not None
    assert (diagnostic.sqlstate, diagnostic.table_name, diagnostic.constraint_name) == ("23514", table, constraint)
    assert hint in str(diagnostic.message_hint)


def test_no_claim_on_a_draft_or_after_a_cancellation(filled: Connection) -> None:
    draft = {"id": "2", "policy_number": "'AU0000000002'", "status": "'draft'"}
    _insert(filled, "policies", **draft)
    ended = {"status": "'cancelled'", "cancelled_at": "'2025-02-28 12:00Z'", "cancellation_reason": "'rewritten'"}
    _insert(filled, "policies", **({"id": "3", "policy_number": "'AU0000000003'"} | ended))
    for policy, words in (("2", "is a draft"), ("3", "until before 2025-03-01")):
        diagnostic = _refused(filled, "claims", id="2", claim_number="'CL0000000002'", policy_id=policy)
        assert diagnostic is not None
        assert words in str(diagnostic.message_hint)
    last_day = {"policy_id": "3", "loss_date": "'2025-02-28'"}
    assert _refused(filled, "claims", id="2", claim_number="'CL0000000002'", **last_day) is None


def test_versions_can_only_be_removed_from_the_end(filled: Connection) -> None:
    """The newest version can go, one in the middle cannot, nor be renumbered; the whole quote can."""
    _insert(filled, "quotes", id="2", quote_number="'Q0000000002'")
    for number, reason in (("1", "initial"), ("2", "correction"), ("3", "correction")):
        _insert(filled, "quote_versions", quote_id="2", version_number=number, reason=f"'{reason}'")
    filled.commit()
    for statement in (
        b"DELETE FROM quote_versions WHERE quote_id = 2 AND version_number = 2",
        b"UPDATE quote_versions SET version_number = 4 WHERE quote_id = 2 AND version_number = 3",
        b"UPDATE quote_versions SET quote_id = 1, version_number = 2 WHERE quote_id = 2 AND version_number = 3",
    ):
        with pytest.raises(errors.CheckViolation) as caught, filled.transaction():
            filled.execute(statement)
        assert caught.value.diag.constraint_name == "quote_versions_no_gap"
        assert caught.value.diag.message_hint
    filled.execute("DELETE FROM quote_versions WHERE quote_id = 2 AND version_number >= 2")
    filled.execute("DELETE FROM quotes WHERE id = 2")
    assert filled.execute("SELECT count(*) FROM quote_versions WHERE quote_id = 2").fetchone() == (0,)


def test_many_versions_arrive_in_one_statement(filled: Connection) -> None:
    _insert(filled, "quotes", id="2", quote_number="'Q0000000002'")
    many = b"""INSERT INTO quote_versions
               SELECT 2, n, CASE n WHEN 1 THEN 'initial' ELSE 'rate_change' END, '2025-01-01', '{}', 600, 0, 0, 0, 600
               FROM generate_series(%d, 20) AS n WHERE n <> %d"""
    with pytest.raises(errors.CheckViolation, match="version 13 of quote 2"), filled.transaction():
        filled.execute(many % (1, 12))
    filled.execute(many % (1, 0))


def test_a_sold_quote_cannot_be_deleted(filled: Connection) -> None:
    with pytest.raises(errors.IntegrityError) as caught:
        filled.execute("DELETE FROM quotes WHERE id = 1")
    assert caught.value.diag.constraint_name == "fk_quote_conversions_version"


def test_a_quote_takes_its_parts_with_it(filled: Connection) -> None:
    filled.execute("DELETE FROM quote_conversions")
    filled.execute("DELETE FROM quotes WHERE id = 1")
    for part in ("quote_versions", "quote_drivers", "quote_vehicles", "quote_coverages", "rating_calculations"):
        query = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(part))
        assert filled.execute(query).fetchone() == (0,), part


def test_updated_at_cannot_be_forged(filled: Connection) -> None:
    for table in ("customers", "policies", "claims", "users", "quotes", "rate_tables"):
        statement = sql.SQL("UPDATE {} SET updated_at = '1999-01-01' RETURNING updated_at = now()")
        assert filled.execute(statement.format(sql.Identifier(table))).fetchone() == (True,)


def test_the_application_may_do_its_work_and_no_more(filled: Connection) -> None:
    """Records of what was shown, sold and priced can be added by the application, and not changed."""
    filled.execute("SET ROLE bench_app")
    for table in ("quote_versions", "quote_conversions", "rating_calculations"):
        for verb in ("DELETE FROM {}", "UPDATE {} SET premium = 1"):
            with pytest.raises(errors.InsufficientPrivilege), filled.transaction():
                filled.execute(sql.SQL(verb).format(sql.Identifier(table)))
    for table in ("policies", "claims", "rate_tables", "rating_factors", "state_transitions"):
        with pytest.raises(errors.InsufficientPrivilege), filled.transaction():
            filled.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))
    for change in ("DROP TRIGGER trg_policies_state ON policies", "SET ROLE bench_owner"):
        with psycopg.connect(filled.info.dsn, password=filled.info.password) as login:
            login.execute("SET SESSION AUTHORIZATION bench_app")
            with pytest.raises(errors.InsufficientPrivilege):
                login.execute(change.encode())
