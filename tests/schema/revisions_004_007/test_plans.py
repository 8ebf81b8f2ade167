"""The indexes of revisions 004 to 007 serve the queries they were made for, as the application role."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.pg

Connection = psycopg.Connection[tuple[Any, ...]]
FILL = (Path(__file__).parent / "fill.sql").read_bytes()
# A user in the middle, written {user} below.
USER = "(SELECT id FROM users ORDER BY id OFFSET 77 LIMIT 1)"

# Index, kind of scan, most partitions that may be touched, query, values as expressions. Prepared, as drivers do.
SERVED: list[tuple[str, str, int, str, list[str]]] = [
    (
        "ix_audit_logs_actor", "Index Scan", 1,
        """SELECT created_at, action, entity_type, entity_id, outcome FROM audit_logs
           WHERE actor_user_id = $1 AND created_at >= $2 AND created_at < $3 ORDER BY created_at DESC LIMIT 10""",
        ["(SELECT min(actor_user_id) FROM audit_logs)", "date_trunc('month', now(), 'UTC') - interval '3 months'",
         "date_trunc('month', now(), 'UTC') - interval '2 months'"],
    ),
    (
        "pk_audit_logs", "Index Scan", 1,
        """SELECT * FROM audit_logs WHERE created_at >= $1 AND created_at < $2
           ORDER BY created_at DESC, id DESC LIMIT 50""",
        ["date_trunc('month', now(), 'UTC') - interval '30 days'", "date_trunc('month', now(), 'UTC')"],
    ),
    (
        "ix_audit_logs_refused", "Index Scan", 2,
        "SELECT * FROM audit_logs WHERE outcome <> 'success' AND created_at >= $1 AND created_at < $2",
        ["now() - interval '5 days'", "now()"],
    ),
    (
        "uq_user_sessions_token_hash", "Index Scan", 0,
        """SELECT s.id, s.user_id, s.mfa_verified_at, u.user_type FROM user_sessions AS s
           JOIN users AS u ON u.id = s.user_id
           WHERE s.token_hash = $1 AND s.revoked_at IS NULL AND s.expires_at > now() AND u.status <> 'disabled'""",
        ["(SELECT token_hash FROM user_sessions WHERE user_id = {user})"],
    ),
    (
        "uq_oauth2_tokens_token_hash", "Index Scan", 0,
        """SELECT t.user_id, t.scopes, c.client_id FROM oauth2_tokens AS t
           JOIN oauth2_clients AS c ON c.id = t.oauth2_client_id
           WHERE t.token_hash = $1 AND t.revoked_at IS NULL AND t.expires_at > now() AND c.status = 'active'""",
        ["(SELECT token_hash FROM oauth2_tokens WHERE user_id = {user})"],
    ),
    (
        "uq_mfa_methods_primary", "Index Scan", 0,
        "SELECT id, method, secret_encrypted, kms_key_id FROM mfa_methods WHERE user_id = $1 AND is_primary",
        ["{user}"],
    ),
    (
        "ix_websocket_connections_active", "Index Scan", 0,
        """SELECT id, node, last_heartbeat_at FROM websocket_connections
           WHERE user_id = $1 AND disconnected_at IS NULL""",
        ["{user}"],
    ),
    (
        "ix_websocket_connections_active", "Index Only Scan", 0,
        "SELECT count(DISTINCT user_id) FROM websocket_connections WHERE disconnected_at IS NULL AND user_id > $1",
        ["0::bigint"],
    ),
    (
        "ix_websocket_connections_node_active", "Bitmap Index Scan", 0,
        """UPDATE websocket_connections SET disconnected_at = now(), disconnect_reason = 'node_shutdown'
           WHERE node = $1 AND disconnected_at IS NULL""",
        ["'gw-2'"],
    ),
    (
        "ix_analytics_events_event_name", "Bitmap Index Scan", 2,
        """SELECT date_trunc('hour', occurred_at), count(*), sum(amount) FROM analytics_events
           WHERE event_name = $1 AND occurred_at >= $2 AND occurred_at < $3 GROUP BY 1""",
        ["'quote.started'", "now() - interval '1 day'", "now()"],
    ),
    (
        "ix_notifications_due", "Index Scan", 0,
        """SELECT id FROM notifications WHERE status = 'pending' AND scheduled_at <= $1
           ORDER BY scheduled_at LIMIT 20 FOR UPDATE SKIP LOCKED""",
        ["now()"],
    ),
    (
        "ix_notifications_unread", "Index Only Scan", 0,
        """SELECT count(*) FROM notifications
           WHERE user_id = $1 AND channel = 'in_app' AND status IN ('sent', 'delivered')""",
        ["(SELECT min(user_id) FROM notifications WHERE status = 'sent')"],
    ),
    (
        "pk_realtime_metrics", "Index Scan", 0,
        """SELECT bucket_start, value_sum / sample_count FROM realtime_metrics
           WHERE metric_name = $1 AND bucket_seconds = 60 AND bucket_start >= $2 ORDER BY bucket_start LIMIT 30""",
        ["'metric.c'", "now() - interval '2 hours'"],
    ),
    (
        "ix_event_subscriptions_event_pattern", "Bitmap Index Scan", 0,
        "SELECT user_id FROM event_subscriptions WHERE event_pattern IN ($1, $2) AND status = 'active'",
        ["(SELECT event_pattern FROM event_subscriptions WHERE status = 'active' LIMIT 1)", "'event_c.*'"],
    ),
    (
        "uq_sso_group_mappings_group", "Index Only Scan", 0,
        """SELECT user_type, admin_role_id, tenant_id FROM sso_group_mappings
           WHERE sso_provider_id = $1 AND external_group = ANY ($2) ORDER BY priority LIMIT 1""",
        ["(SELECT min(id) FROM sso_providers)", "'{group-7,group-77,unknown}'"],
    ),
    (
        "uq_sso_user_links_subject", "Index Only Scan", 0,
        "SELECT user_id FROM sso_user_links WHERE sso_provider_id = $1 AND external_subject = $2",
        ["(SELECT sso_provider_id FROM sso_user_links WHERE user_id = {user})", "'subject-' || {user}"],
    ),
    (
        "ix_sso_login_attempts_failed", "Index Only Scan", 0,
        """SELECT count(*) FROM sso_login_attempts
           WHERE status = 'failed' AND ip_address = $1 AND created_at > $2""",
        ["'198.51.100.20'::inet", "now() - interval '1 hour'"],
    ),
    (
        "ix_rate_approvals_queue", "Index Scan", 0,
        """SELECT id, title, submitted_at FROM rate_approvals
           WHERE status IN ('submitted', 'under_review') AND submitted_at > $1 ORDER BY submitted_at LIMIT 5""",
        ["now() - interval '1 hour'"],
    ),
    (
        "ix_rate_approval_steps_pending", "Index Scan", 0,
        """SELECT id, rate_approval_id FROM rate_approval_steps
           WHERE required_role = $1 AND decision = 'pending' ORDER BY created_at LIMIT 5""",
        ["'actuarial'"],
    ),
]  # fmt: skip


@pytest.fixture(scope="module")
def busy(pg_server: Any, migrated: str) -> Iterator[Connection]:
    """Give a connection, as the application of tenant t-7, to a database with a few thousand rows a table."""
    with psycopg.connect(pg_server.dsn(migrated), autocommit=True) as connection:
        connection.execute("SET ROLE bench_owner")
        connection.execute(FILL)
        connection.execute("RESET ROLE")
        connection.execute("VACUUM (ANALYZE)")
        connection.execute("SET ROLE bench_app")
        connection.execute("SELECT set_config('app.tenant_id', 't-7', false)")
        yield connection


def _nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan, *(node for child in plan.get("Plans", ()) for node in _nodes(child))]


def _literal(connection: Connection, value: str) -> str:
    """Evaluate an expression to a literal of its type: EXECUTE takes no sub-select."""
    query = sql.SQL("SELECT quote_literal(v), pg_typeof(v) FROM (SELECT {} AS v) AS x").format(sql.SQL(value))
    answer = connection.execute(query).fetchone()
    assert answer is not None
    return str(answer[0]) if answer[1] == "text" else f"{answer[0]}::{answer[1]}"


@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
def test_each_query_is_served_by_its_index(mode: str, busy: Connection) -> None:
    """With the values known and without: the index is used, few partitions are touched, and something is found."""
    wrong: dict[str, Any] = {}
    family: dict[str, str] = dict(
        busy.execute("SELECT inhrelid::regclass::text, inhparent::regclass::text FROM pg_inherits").fetchall()
    )
    busy.execute(f"SET plan_cache_mode = {mode}".encode())
    for index, kind, partitions, query, values in SERVED:
        arguments = ", ".join(_literal(busy, value.replace("{user}", USER)) for value in values)
        busy.execute(f"PREPARE probe AS {query}".encode())
        with busy.transaction(force_rollback=True):
            answer = busy.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE probe({arguments})".encode()).fetchone()
        busy.execute("DEALLOCATE probe")
        assert answer is not None
        nodes = _nodes(answer[0][0]["Plan"])
        run = [node for node in nodes if node["Actual Loops"] > 0]
        touched = {node["Relation Name"] for node in run if node.get("Relation Name") in family}
        shape = [(node["Node Type"], family.get(node.get("Index Name", ""), node.get("Index Name"))) for node in run]
        if (kind, index) not in shape or len(touched) > partitions or max(node["Actual Rows"] for node in run) < 1:
            wrong[f"{index} ({kind})"] = (shape, touched)
    busy.execute("RESET plan_cache_mode")
    assert wrong == {}


def test_the_partial_index_is_a_fraction_of_the_full_one(busy: Connection) -> None:
    sizes = busy.execute(
        """SELECT pg_relation_size('ix_websocket_connections_active'),
                  pg_relation_size('ix_websocket_connections_user_id')"""
    ).fetchone()
    assert sizes is not None
    assert sizes[0] * 4 < sizes[1]


@pytest.mark.parametrize(
    ("table", "change", "where"),
    [
        ("websocket_connections", "last_heartbeat_at = now()", "disconnected_at IS NULL"),
        ("user_sessions", "last_seen_at = now()", "true"),
        ("realtime_metrics", "sample_count = 2, value_sum = 2", "true"),
    ],
)
def test_what_changes_all_the_time_stays_in_its_page(table: str, change: str, where: str, busy: Connection) -> None:
    """Heartbeats, last sight and running sums touch no index, and pages have room: the updates are heap-only."""
    one_a_page = sql.SQL(
        "UPDATE {0} SET {1} WHERE ctid IN (SELECT min(ctid) FROM {0} WHERE {2} GROUP BY (ctid::text::point)[0])"
    ).format(sql.Identifier(table), sql.SQL(change), sql.SQL(where))
    with busy.transaction(force_rollback=True):
        changed = busy.execute(one_a_page).rowcount
        hot = busy.execute("SELECT pg_stat_get_xact_tuples_hot_updated(%s::regclass)", [table]).fetchone()
    assert changed > 10
    assert hot == (changed,)
