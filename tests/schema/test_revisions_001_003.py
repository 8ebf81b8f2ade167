"""Revisions 001 to 003 go up and come down again without a trace."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from bench.environment import migrations

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.pg

STEPS = [("base", "001"), ("001", "002"), ("002", "003")]

TABLES = {
    "001": {"state_transitions", "customers", "policies", "claims"},
    "002": {
        "users", "quotes", "quote_versions", "quote_drivers", "quote_vehicles", "quote_coverages", "quote_conversions",
    },
    "003": {
        "rate_tables", "rate_table_versions", "territories", "rating_factors", "discount_rules", "surcharge_rules",
        "vehicle_symbols", "rating_calculations",
    },
}  # fmt: skip


@pytest.mark.parametrize(("before", "after"), STEPS)
def test_a_downgrade_restores_the_catalogue(
    before: str, after: str, database: str, fingerprint: Callable[[str], set[tuple[str, str, str]]]
) -> None:
    """What a revision creates its downgrade drops, and the second upgrade equals the first."""
    if before != "base":
        migrations.upgrade(database, before)
    was = fingerprint(database)
    migrations.upgrade(database, after)
    became = fingerprint(database)
    migrations.downgrade(database, before)
    assert fingerprint(database) == was
    migrations.upgrade(database, after)
    assert fingerprint(database) == became
    assert {name for kind, name, fact in became - was if kind == "relation" and fact[0] == "r"} == TABLES[after]


def test_roles_stay_while_another_database_needs_them(database: str, other_database: str) -> None:
    migrations.upgrade(database, "001")
    migrations.upgrade(other_database, "001")
    migrations.downgrade(database, "base")
    with psycopg.connect(other_database) as connection:
        owners = connection.execute("SELECT DISTINCT tableowner FROM pg_tables WHERE tablename = 'claims'").fetchall()
    assert owners == [("bench_owner",)]
    migrations.downgrade(other_database, "base")


def test_roles_stay_while_a_login_is_a_member(database: str) -> None:
    migrations.upgrade(database, "001")
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute("CREATE ROLE somebody LOGIN IN ROLE bench_app")
        migrations.downgrade(database, "base")
        left = admin.execute("SELECT rolname FROM pg_roles WHERE rolname LIKE 'bench%'").fetchall()
        admin.execute("DROP ROLE somebody")
        admin.execute("DROP ROLE bench_app")
    assert left == [("bench_app",)]


def test_an_extension_that_was_there_before_stays(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute("CREATE EXTENSION btree_gist")
        migrations.upgrade(database, "003")
        migrations.downgrade(database, "base")
        left = admin.execute("SELECT extname FROM pg_extension WHERE extname = 'btree_gist'").fetchall()
    assert left == [("btree_gist",)]


def test_a_database_owner_without_superuser_rights_can_migrate(database: str, owner_login: str) -> None:
    """CREATEROLE and the ownership of the database are enough; bench_owner still owns every table."""
    migrations.upgrade(owner_login, "003")
    with psycopg.connect(database) as connection:
        owners = connection.execute(
            "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'"
        ).fetchall()
    migrations.downgrade(owner_login, "base")
    assert owners == [("bench_owner",)]


# Materialised, so that a privilege is asked of our relations only.
OURS = """
    WITH c AS MATERIALIZED (
        SELECT * FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relname NOT LIKE 'alembic_version%'
    )"""

UNEXPLAINED = {
    "tables without a comment": """
        SELECT c.relname FROM c
        WHERE c.relkind IN ('r', 'p') AND obj_description(c.oid, 'pg_class') IS NULL""",
    "columns without a comment": """
        SELECT c.relname || '.' || a.attname
        FROM c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        WHERE c.relkind IN ('r', 'p') AND col_description(c.oid, a.attnum) IS NULL""",
    "columns that may be null without a reason, or give one and may not": """
        SELECT c.relname || '.' || a.attname
        FROM c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        WHERE c.relkind IN ('r', 'p') AND a.attnotnull = (col_description(c.oid, a.attnum) ~ '\\mNull\\M')""",
    "defaults without a reason": """
        SELECT c.relname || '.' || a.attname
        FROM c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        JOIN pg_attrdef AS d ON d.adrelid = c.oid AND d.adnum = a.attnum
        WHERE c.relkind IN ('r', 'p') AND pg_get_expr(d.adbin, d.adrelid) <> 'now()'
          AND col_description(c.oid, a.attnum) !~ 'Default .+: '""",
    "constraints without rule and remedy": """
        SELECT k.conname FROM c JOIN pg_constraint AS k ON k.conrelid = c.oid
        WHERE k.contype <> 'n' AND (obj_description(k.oid, 'pg_constraint') ~ '^.+[.] Remedy: .+[.]$') IS NOT TRUE""",
    "unique indexes without a remedy": """
        SELECT c.relname FROM c JOIN pg_index AS i ON i.indexrelid = c.oid
        WHERE i.indisunique AND NOT EXISTS (SELECT FROM pg_constraint AS k WHERE k.conindid = c.oid)
          AND (obj_description(c.oid, 'pg_class') ~ '[.] Remedy: .+[.]$') IS NOT TRUE""",
    "indexes that do not say what they serve": """
        SELECT c.relname FROM c
        WHERE c.relkind IN ('i', 'I') AND NOT EXISTS (SELECT FROM pg_constraint AS k WHERE k.conindid = c.oid)
          AND (obj_description(c.oid, 'pg_class') ~* 'serves') IS NOT TRUE""",
    "triggers without a comment": """
        SELECT c.relname || '.' || t.tgname FROM c JOIN pg_trigger AS t ON t.tgrelid = c.oid
        WHERE NOT t.tgisinternal AND obj_description(t.oid, 'pg_trigger') IS NULL""",
    "functions without a comment": """
        SELECT p.proname FROM pg_proc AS p
        WHERE p.pronamespace = 'public'::regnamespace AND obj_description(p.oid, 'pg_proc') IS NULL
          AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.objid = p.oid AND d.deptype = 'e')""",
    "names outside the convention": """
        SELECT k.conname FROM c JOIN pg_constraint AS k ON k.conrelid = c.oid
        WHERE k.contype IN ('c', 'f', 'p', 'u', 'x')
          AND k.conname NOT LIKE CASE k.contype WHEN 'c' THEN 'ck' WHEN 'f' THEN 'fk' WHEN 'p' THEN 'pk'
                                                WHEN 'u' THEN 'uq' ELSE 'ex' END || '\\_' || c.relname || '\\_%'
          AND k.conname <> 'pk_' || c.relname""",
    "foreign keys that do not say what a delete does": """
        SELECT k.conname FROM c JOIN pg_constraint AS k ON k.conrelid = c.oid
        WHERE k.contype = 'f' AND k.confdeltype = 'a'""",
    "foreign keys without an index": """
        SELECT k.conname FROM c JOIN pg_constraint AS k ON k.conrelid = c.oid
        WHERE k.contype = 'f' AND NOT EXISTS (
            SELECT FROM pg_index AS i
            WHERE i.indrelid = c.oid AND i.indpred IS NULL
              AND (i.indkey::smallint[])[0:cardinality(k.conkey) - 1] @> k.conkey)""",
    "encrypted or hashed columns without the tag": """
        SELECT c.relname || '.' || a.attname
        FROM c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        WHERE c.relkind IN ('r', 'p') AND (a.atttypid = 'bytea'::regtype OR a.attname LIKE '%hash')
          AND col_description(c.oid, a.attnum) NOT LIKE '%sensitive: kms%'""",
    "relations of somebody else": """
        SELECT c.relname FROM c WHERE c.relowner <> 'bench_owner'::regrole""",
    "tables the application cannot read": """
        SELECT c.relname FROM c
        WHERE c.relkind IN ('r', 'p') AND NOT has_table_privilege('bench_app', c.oid, 'SELECT')""",
    "sequences the application cannot use": """
        SELECT c.relname FROM c
        WHERE CASE c.relkind WHEN 'S' THEN NOT has_sequence_privilege('bench_app', c.oid, 'USAGE') END""",
    "functions that everybody may call": """
        SELECT p.proname FROM pg_proc AS p
        WHERE p.pronamespace = 'public'::regnamespace
          AND EXISTS (SELECT FROM aclexplode(COALESCE(p.proacl, acldefault('f', p.proowner))) WHERE grantee = 0)
          AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.objid = p.oid AND d.deptype = 'e')""",
}


def test_everything_says_why_it_is_there(at_003: str) -> None:
    """Comments, remedies, delete rules, indexes, owners and grants are complete."""
    with psycopg.connect(at_003) as connection:
        found = {
            fault: [name for (name,) in connection.execute((OURS + query).encode())]
            for fault, query in UNEXPLAINED.items()
        }
    assert {fault: names for fault, names in found.items() if names} == {}
