"""Revisions 004 to 007 go up and come down again without a trace, and everything in them says why it is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from bench.environment import migrations
from tests.schema.test_revisions_001_003 import UNEXPLAINED

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.pg

STEPS = [("003", "004"), ("004", "005"), ("005", "006"), ("006", "007")]

TABLES = {
    "004": {
        "sso_providers", "user_sessions", "mfa_methods", "oauth2_clients", "oauth2_authorization_codes",
        "oauth2_tokens", "data_retention_policies", "audit_logs",
    },
    "005": {
        "websocket_connections", "analytics_events", "notifications", "realtime_metrics", "event_subscriptions",
    },
    "006": {
        "admin_roles", "admin_users", "admin_permissions", "system_settings", "rate_approvals",
        "rate_approval_steps", "admin_activity_logs",
    },
    "007": {
        "sso_provider_configs", "sso_group_mappings", "sso_user_links", "sso_login_attempts",
        "user_provisioning_rules",
    },
}  # fmt: skip

# Rows that a revision brings along, other than steps of state machines.
RETENTION = "SELECT 'retention', table_name, retain_for::text FROM data_retention_policies"


@pytest.fixture
def facts(fingerprint: Callable[[str], set[tuple[str, str, str]]]) -> Callable[[str], set[tuple[str, str, str]]]:
    """Give a function that lists what a database holds, the retention rules among it."""

    def found(dsn: str) -> set[tuple[str, str, str]]:
        catalogue = fingerprint(dsn)
        if any(fact[:2] == ("type", "data_retention_policies") for fact in catalogue):
            with psycopg.connect(dsn) as connection:
                catalogue |= {(str(kind), str(name), str(fact)) for kind, name, fact in connection.execute(RETENTION)}
        return catalogue

    return found


@pytest.mark.parametrize(("before", "after"), STEPS)
def test_a_downgrade_restores_the_catalogue(
    before: str, after: str, database: str, facts: Callable[[str], set[tuple[str, str, str]]]
) -> None:
    """What a revision creates its downgrade drops, and the second upgrade equals the first."""
    migrations.upgrade(database, before)
    was = facts(database)
    migrations.upgrade(database, after)
    became = facts(database)
    migrations.downgrade(database, before)
    assert facts(database) == was
    migrations.upgrade(database, after)
    assert facts(database) == became
    partitions = {name for kind, name, _ in became - was if kind == "partition"}
    tables = {name for kind, name, fact in became - was if kind == "relation" and fact[0] in "rp"}
    assert tables - partitions == TABLES[after]


@pytest.mark.parametrize(
    ("before", "after", "detach"),
    [("003", "004", "drop_audit_partitions(0)"), ("004", "005", "drop_analytics_partitions(0)")],
)
def test_a_downgrade_takes_detached_months_along(
    before: str, after: str, detach: str, database: str, facts: Callable[[str], set[tuple[str, str, str]]]
) -> None:
    """A month that waits for the archive is still the revision's."""
    migrations.upgrade(database, before)
    was = facts(database)
    migrations.upgrade(database, after)
    with psycopg.connect(database) as connection:
        connection.execute(f"SELECT {detach.replace('drop', 'ensure').replace('(0)', '(0, 2)')}".encode())
        assert len(connection.execute(f"SELECT {detach}".encode()).fetchall()) == 2
    migrations.downgrade(database, before)
    assert facts(database) == was


def test_the_whole_schema_comes_down_without_a_trace(
    database: str, facts: Callable[[str], set[tuple[str, str, str]]]
) -> None:
    was = facts(database)
    migrations.upgrade(database)
    migrations.downgrade(database, "base")
    assert facts(database) == was


def test_a_database_owner_without_superuser_rights_can_migrate(database: str, owner_login: str) -> None:
    """CREATEROLE and the ownership of the database are enough, and bench_owner owns every table and function."""
    migrations.upgrade(owner_login, "007")
    with psycopg.connect(database) as connection:
        owners = connection.execute(
            """SELECT relowner::regrole::text FROM pg_class
                 WHERE relnamespace = 'public'::regnamespace AND relname NOT LIKE 'alembic%' AND relkind IN ('r', 'p')
               UNION
               SELECT proowner::regrole::text FROM pg_proc AS p
                 WHERE pronamespace = 'public'::regnamespace
                   AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.objid = p.oid AND d.deptype = 'e')"""
        ).fetchall()
    migrations.downgrade(owner_login, "base")
    assert owners == [("bench_owner",)]


# Partitions are checked through their parent.
OURS = """
    WITH c AS MATERIALIZED (
        SELECT * FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relname NOT LIKE 'alembic_version%' AND NOT relispartition
    )"""

AMISS = UNEXPLAINED | {
    # Of tables that the application writes to.
    "sequences the application cannot use": """
        SELECT c.relname FROM c JOIN pg_depend AS d ON d.objid = c.oid AND d.deptype = 'i'
        WHERE CASE c.relkind WHEN 'S' THEN has_any_column_privilege('bench_app', d.refobjid, 'INSERT')
                                           AND NOT has_sequence_privilege('bench_app', c.oid, 'USAGE') END""",
    "policies without a comment": """
        SELECT p.polname FROM c JOIN pg_policy AS p ON p.polrelid = c.oid
        WHERE obj_description(p.oid, 'pg_policy') IS NULL""",
    "row-level security that the owner escapes": """
        SELECT c.relname FROM c WHERE c.relrowsecurity <> c.relforcerowsecurity""",
    "policies that read a setting once a row": """
        SELECT p.polname FROM c JOIN pg_policy AS p ON p.polrelid = c.oid
        WHERE replace(concat(pg_get_expr(p.polqual, c.oid), pg_get_expr(p.polwithcheck, c.oid)),
                      'SELECT NULLIF(current_setting(', '') LIKE '%current_setting%'""",
    "functions with the owner's rights and an open search path": """
        SELECT p.proname FROM pg_proc AS p
        WHERE p.pronamespace = 'public'::regnamespace AND p.prosecdef
          AND NOT 'search_path=pg_catalog, pg_temp' = ANY (p.proconfig)""",
    "partitions without a comment": """
        SELECT relname FROM pg_class
        WHERE relispartition AND relkind = 'r' AND obj_description(oid, 'pg_class') IS NULL""",
    "partitions that the application reaches directly": """
        SELECT relname FROM pg_class
        WHERE relispartition AND relkind = 'r'
          AND has_any_column_privilege('bench_app', oid, 'SELECT, INSERT, UPDATE')""",
    "partitioned indexes that lack a partition's": """
        SELECT relname FROM pg_class JOIN pg_index ON indexrelid = oid WHERE relkind = 'I' AND NOT indisvalid""",
}


def test_everything_says_why_it_is_there(database: str) -> None:
    """Comments, remedies, delete rules, indexes, owners, policies and grants are complete."""
    migrations.upgrade(database)
    with psycopg.connect(database) as connection:
        found = {
            fault: [name for (name,) in connection.execute((OURS + query).encode())] for fault, query in AMISS.items()
        }
    assert {fault: names for fault, names in found.items() if names} == {}


DEPTH = """
    SELECT (SELECT count(*) FROM c WHERE relkind IN ('r', 'p')),
           (SELECT count(*) FROM c JOIN pg_constraint ON conrelid = c.oid AND contype = 'c'),
           (SELECT count(*) FROM c JOIN pg_index ON indrelid = c.oid AND NOT indisprimary
              WHERE indnatts > 1 OR indpred IS NOT NULL OR indexprs IS NOT NULL)"""


def test_the_schema_is_as_deep_as_promised(database: str) -> None:
    """At least 38 tables, 40 named CHECKs and 20 indexes that are more than one plain column."""
    migrations.upgrade(database)
    with psycopg.connect(database) as connection:
        counted = connection.execute((OURS + DEPTH).encode()).fetchone()
    assert counted is not None
    tables, checks, indexes = counted
    assert tables >= 38
    assert checks >= 40
    assert indexes >= 20
