"""Tenants: owner, application, foreign tenant and nobody, and what row-level security costs the plan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import errors, sql

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.pg

Connection = psycopg.Connection[tuple[Any, ...]]
SECURED = ["system_settings", "admin_activity_logs", "rate_approvals", "rate_approval_steps"]
TENANTS = ["acme", "beta", "gamma"]


def _as_application(connection: Connection, tenant: str | None, user: int | None = 1) -> None:
    connection.execute("SET LOCAL ROLE bench_app")
    if tenant is not None:
        connection.execute("SELECT set_config('app.tenant_id', %s, true)", [tenant])
    if user is not None:
        connection.execute("SELECT set_config('app.user_id', %s, true)", [str(user)])


@pytest.fixture
def tenants(filled: Connection) -> Connection:
    """Give a connection as bench_owner to a database with rows of three tenants."""
    for tenant in TENANTS[1:]:
        for statement in (
            """INSERT INTO system_settings (tenant_id, key, value_type, value, description)
               SELECT %(t)s, key, value_type, value, description FROM system_settings WHERE tenant_id = 'acme'""",
            """INSERT INTO admin_activity_logs (tenant_id, action, resource_type, resource_id)
               SELECT %(t)s, action, resource_type, resource_id FROM admin_activity_logs WHERE tenant_id = 'acme'""",
            """INSERT INTO rate_approvals (tenant_id, rate_table_version_id, requested_by_user_id, title, justification,
                                           impact_percent)
               VALUES (%(t)s, 1, 1, 'Home', 'Hail.', 2)""",
            """INSERT INTO rate_approval_steps (rate_approval_id, tenant_id, requested_by_user_id, step_number,
                                                required_role)
               SELECT id, tenant_id, requested_by_user_id, 1, 'actuarial' FROM rate_approvals
               WHERE tenant_id = %(t)s""",
        ):
            filled.execute(statement.encode(), {"t": tenant})
    return filled


def _seen(connection: Connection, table: str) -> list[str]:
    query = sql.SQL("SELECT DISTINCT tenant_id FROM {} ORDER BY 1").format(sql.Identifier(table))
    return [tenant for (tenant,) in connection.execute(query)]


def _try(connection: Connection, statement: str, tenant: str | None, user: int | None = 1) -> None:
    """Run a statement as the application, in a savepoint of its own."""
    with connection.transaction():
        _as_application(connection, tenant, user)
        connection.execute(statement.encode())


@pytest.mark.parametrize("table", SECURED)
def test_everybody_sees_what_is_theirs(table: str, tenants: Connection) -> None:
    """The owner maintains all, a tenant sees its own, and a missing or empty setting shows nothing without an error."""
    assert _seen(tenants, table) == TENANTS
    for tenant in (*TENANTS, "delta", "", None):
        with tenants.transaction(force_rollback=True):
            _as_application(tenants, tenant)
            assert _seen(tenants, table) == ([tenant] if tenant in TENANTS else [])


@pytest.mark.parametrize("tenant", ["beta", "", None])
def test_nobody_writes_into_another_tenant(tenant: str | None, tenants: Connection) -> None:
    """Rows of others cannot be added, found for a change, or received."""
    inserts = [
        """INSERT INTO system_settings (tenant_id, key, value_type, value, description)
           VALUES ('acme', 'a.b', 'number', '1', 'One.')""",
        """INSERT INTO admin_activity_logs (tenant_id, action, resource_type, resource_id)
           VALUES ('acme', 'a.b', 'a', '1')""",
        """INSERT INTO rate_approvals (tenant_id, rate_table_version_id, requested_by_user_id, title, justification,
                                       impact_percent)
           VALUES ('acme', 1, 1, 'Home', 'Hail.', 2)""",
        """INSERT INTO rate_approval_steps (rate_approval_id, tenant_id, requested_by_user_id, step_number,
                                            required_role)
           VALUES (1, 'acme', 1, 2, 'compliance')""",
    ]
    for statement in inserts:
        with pytest.raises(errors.InsufficientPrivilege, match="row-level security"):
            _try(tenants, statement, tenant)
    with tenants.transaction(force_rollback=True):
        _as_application(tenants, tenant)
        for statement in (
            "UPDATE system_settings SET description = 'Mine.' WHERE tenant_id = 'acme'",
            "DELETE FROM system_settings WHERE tenant_id = 'acme'",
            "UPDATE rate_approvals SET title = 'Mine' WHERE id = 1",
            "UPDATE rate_approval_steps SET note = 'Mine' WHERE id = 1",
        ):
            assert tenants.execute(statement.encode()).rowcount == 0
    if tenant:
        with pytest.raises(errors.InsufficientPrivilege, match="row-level security"):
            _try(tenants, "UPDATE system_settings SET tenant_id = 'acme', key = 'a.c'", tenant)


def test_a_tenant_works_with_its_own_rows(tenants: Connection) -> None:
    _as_application(tenants, "acme")
    assert tenants.execute("UPDATE system_settings SET value = '3000', version = version + 1").rowcount == 1
    tenants.execute(
        """INSERT INTO system_settings (tenant_id, key, value_type, value, description)
           VALUES ('acme', 'a.b', 'number', '1', 'One.')"""
    )
    assert tenants.execute("DELETE FROM system_settings WHERE key = 'a.b'").rowcount == 1
    logged = tenants.execute(
        """SELECT action, actor_user_id, old_values ->> 'value', new_values ->> 'value' FROM admin_activity_logs
           WHERE resource_type = 'system_setting' ORDER BY id"""
    ).fetchall()
    assert logged == [
        ("system_setting.changed", 1, "2500", "3000"),
        ("system_setting.created", 1, None, "1"),
        ("system_setting.removed", 1, "1", None),
    ]


def test_the_log_cannot_be_changed_or_backdated(tenants: Connection, raised: Callable[[str, str], str]) -> None:
    """The application holds no right to, and the owner meets a trigger; the owner's purge is possible."""
    for statement in (
        "UPDATE admin_activity_logs SET action = 'a.b'",
        "DELETE FROM admin_activity_logs",
        "TRUNCATE admin_activity_logs",
        """INSERT INTO admin_activity_logs (tenant_id, created_at, action, resource_type, resource_id)
           VALUES ('acme', '2020-01-01', 'a.b', 'a', '1')""",
    ):
        with pytest.raises(errors.InsufficientPrivilege, match="permission denied"):
            _try(tenants, statement, "acme")
    assert raised("UPDATE {} SET action = 'a.b'", "admin_activity_logs") == "admin_activity_logs_immutable"
    assert raised("TRUNCATE {}", "admin_activity_logs") == "admin_activity_logs_immutable"
    assert tenants.execute("DELETE FROM admin_activity_logs WHERE created_at < '2025-04-01'").rowcount == 1


def test_a_change_by_nobody_is_refused(tenants: Connection) -> None:
    with pytest.raises(errors.CheckViolation) as caught:
        _try(tenants, "UPDATE system_settings SET value = '1'", "acme", None)
    assert caught.value.diag.constraint_name == "admin_activity_has_actor"
    assert "set_config('app.user_id'" in (caught.value.diag.message_hint or "")


def test_the_tenant_ends_with_the_transaction(at_007: str) -> None:
    """The next user of the same server connection, as behind a transaction pooler, starts without a tenant."""
    with psycopg.connect(at_007, autocommit=True) as connection:
        connection.execute(
            """INSERT INTO system_settings (tenant_id, key, value_type, value, description)
               VALUES ('acme', 'a.b', 'number', '1', 'One.')"""
        )
        with connection.transaction():
            _as_application(connection, "acme")
            assert _seen(connection, "system_settings") == ["acme"]
        with connection.transaction():
            connection.execute("SET LOCAL ROLE bench_app")
            # Once set, the setting is empty afterwards, not missing.
            assert connection.execute("SELECT current_setting('app.tenant_id', true)").fetchone() == ("",)
            assert _seen(connection, "system_settings") == []


def test_force_holds_the_owner_without_its_policy(tenants: Connection) -> None:
    """Without the policy made for it the owner would see nothing: FORCE is what the policies rest on."""
    tenants.execute("DROP POLICY rls_system_settings_owner ON system_settings")
    assert _seen(tenants, "system_settings") == []
    tenants.execute("ALTER TABLE system_settings NO FORCE ROW LEVEL SECURITY")
    assert _seen(tenants, "system_settings") == TENANTS


@pytest.mark.parametrize(
    ("table", "index", "query"),
    [
        ("system_settings", "uq_system_settings_key", "SELECT value FROM system_settings WHERE key = 'area_1.key_77'"),
        (
            "admin_activity_logs", "ix_admin_activity_logs_tenant",
            "SELECT * FROM admin_activity_logs ORDER BY created_at DESC, id DESC LIMIT 20",
        ),
        (
            "admin_activity_logs", "ix_admin_activity_logs_resource",
            """SELECT * FROM admin_activity_logs WHERE resource_type = 'rate' AND resource_id = '77'
               ORDER BY created_at DESC LIMIT 20""",
        ),
    ],
)  # fmt: skip
def test_the_policy_is_an_index_condition(table: str, index: str, query: str, tenants: Connection) -> None:
    """The setting is read once, as an InitPlan, and the tenant bounds the index instead of filtering rows."""
    tenants.execute(
        """INSERT INTO system_settings (tenant_id, key, value_type, value, description)
           SELECT 't-' || t, 'area_1.key_' || n, 'number', '1', 'Filler.'
           FROM generate_series(1, 20) AS t, generate_series(1, 100) AS n"""
    )
    tenants.execute(
        """INSERT INTO admin_activity_logs (tenant_id, created_at, action, resource_type, resource_id)
           SELECT 't-' || t, now() - n * interval '1 hour', 'rate.changed', 'rate', n::text
           FROM generate_series(1, 20) AS t, generate_series(1, 200) AS n"""
    )
    tenants.execute(f"ANALYZE {table}".encode())
    _as_application(tenants, "t-7")
    answer = tenants.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {query}".encode()).fetchone()
    assert answer is not None
    nodes = [answer[0][0]["Plan"]]
    for node in nodes:
        nodes.extend(node.get("Plans", ()))
    scan = next(node for node in nodes if node.get("Relation Name") == table)
    assert (scan["Node Type"], scan["Index Name"]) == ("Index Scan", index)
    assert "tenant_id" in scan["Index Cond"]
    assert "Filter" not in scan
    assert [node["Parent Relationship"] for node in nodes if node["Node Type"] == "Result"] == ["InitPlan"]
    assert not any("Sort" in node["Node Type"] for node in nodes)
    assert scan["Actual Rows"] >= 1
