"""Every rule of revisions 004 to 007 refuses what it is there to refuse."""

from __future__ import annotations

import tomllib
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import errors

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.pg

Connection = psycopg.Connection[tuple[Any, ...]]
Row = dict[str, str]
VIOLATIONS: dict[str, dict[str, list[Row]]] = tomllib.loads(
    (Path(__file__).parent / "violations.toml").read_text("utf-8")
)

OWN_KIND = [
    (
        "mfa_methods", "uq_mfa_methods_credential_id",
        {
            "method": "'webauthn'", "secret_encrypted": "NULL", "last_used_step": "NULL", "is_primary": "false",
            "credential_id": "repeat('a', 16)", "public_key": "repeat('a', 43)", "sign_count": "0",
        },
        {},
    ),
    (
        "event_subscriptions", "uq_event_subscriptions_client",
        {
            "user_id": "NULL", "oauth2_client_id": "1", "channel": "'webhook'", "kms_key_id": "'key-1'",
            "endpoint_url": "'https://partner.example/'", "signing_secret_encrypted": "sha512('x')",
        },
        {},
    ),
    (
        "sso_provider_configs", "ck_sso_provider_configs_certificate",
        {
            "sso_provider_id": "2", "protocol": "'saml'", "sso_url": "'https://saml.example/'",
            "signing_certificate": "E'-----BEGIN CERTIFICATE-----\\nMII\\n'",
            "certificate_expires_at": "'2027-01-01 00:00Z'",
            **dict.fromkeys(
                ("oidc_client_id", "client_secret_encrypted", "authorization_url", "token_url", "jwks_url"), "NULL"
            ),
        },
        {"version": "2", "status": "'retired'", "certificate_expires_at": "'2024-12-31 00:00Z'"},
    ),
]  # fmt: skip


def _refusal(write: Callable[[], None], connection: Connection) -> str | None:
    """Try to write in a savepoint of its own; name the constraint that refused, None if the row was taken."""
    try:
        with connection.transaction(force_rollback=True):
            write()
            connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
    except errors.IntegrityError as error:
        return error.diag.constraint_name
    return None


def _constraints(connection: Connection, kinds: str) -> set[str]:
    """Name the constraints of these kinds on the tables of revisions 004 to 007, partitions aside."""
    found = connection.execute(
        """SELECT k.conname FROM pg_constraint AS k JOIN pg_class AS c ON c.oid = k.conrelid
           WHERE k.contype = ANY (%s) AND c.relname = ANY (%s)""",
        [list(kinds), list(VIOLATIONS)],
    )
    return {name for (name,) in found}


def test_every_check_and_unique_rule_refuses(
    filled: Connection, rows: list[tuple[str, Row]], insert: Callable[[Connection, str, Row], None]
) -> None:
    """Each way to break a rule is refused by that rule and no other, and no rule is left untried."""
    wrong = {}
    valid = dict(rows[::-1])  # the first row of a table
    for table, rules in VIOLATIONS.items():
        for rule, ways in rules.items():
            for way in ways:
                row = valid[table] | way
                refused_by = _refusal(partial(insert, filled, table, row), filled)
                if refused_by != rule:
                    wrong[rule, str(way)] = refused_by
    assert wrong == {}
    unique_indexes = filled.execute(
        """SELECT c.relname FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
           WHERE i.indisunique AND i.indrelid::regclass::text = ANY (%s) AND c.relname LIKE 'uq%%'""",
        [list(VIOLATIONS)],
    )
    tried = {rule for rules in VIOLATIONS.values() for rule in rules}
    assert tried == _constraints(filled, "cu") | {name for (name,) in unique_indexes}
    assert len(_constraints(filled, "c")) > 120


@pytest.mark.parametrize(("table", "rule", "kind", "change"), OWN_KIND)
def test_rules_for_another_kind_of_row_refuse(
    table: str,
    rule: str,
    kind: Row,
    change: Row,
    filled: Connection,
    rows: list[tuple[str, Row]],
    insert: Callable[[Connection, str, Row], None],
) -> None:
    """Security keys, webhooks and SAML have rules that the ordinary row does not meet."""
    provider = dict(rows)["sso_providers"] | {
        "id": "2", "name": "'beta'", "issuer": "'urn:beta'", "protocol": "'saml'",
    }  # fmt: skip
    insert(filled, "sso_providers", provider)
    row = dict(rows)[table] | kind
    insert(filled, table, row | {"id": "7"})
    assert _refusal(partial(insert, filled, table, row | {"id": "8"} | change), filled) == rule


def test_every_primary_and_foreign_key_refuses(
    filled: Connection, rows: list[tuple[str, Row]], insert: Callable[[Connection, str, Row], None]
) -> None:
    """The same row twice meets the primary key; a parent that does not exist meets the foreign key."""
    valid = dict(rows[::-1])
    for table in VIOLATIONS:
        refused_by = _refusal(partial(insert, filled, table, valid[table]), filled)
        # A partition names its own copy of the key.
        expected = f"{table}_default_pkey" if table in {"audit_logs", "analytics_events"} else f"pk_{table}"
        assert refused_by == expected
    keys = filled.execute(
        """SELECT k.conname, k.conrelid::regclass::text, a.attname
           FROM pg_constraint AS k
           JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]
           WHERE k.contype = 'f' AND k.conrelid::regclass::text = ANY (%s)""",
        [list(VIOLATIONS)],
    ).fetchall()
    assert len(keys) > 35
    different = {
        "user_sessions": {"token_hash": "sha256('2')"},
        "mfa_methods": {"is_primary": "false"},
        "oauth2_clients": {"client_id": "'portal-app'"},
        "oauth2_authorization_codes": {"code_hash": "sha256('2')"},
        "oauth2_tokens": {"token_hash": "sha256('2')", "authorization_code_id": "NULL"},
        "data_retention_policies": {"table_name": "'others'"},
        "notifications": {"provider_message_id": "NULL"},
        "event_subscriptions": {"event_pattern": "'quote.*'"},
        "admin_users": {"tenant_id": "'beta'"},
        "system_settings": {"key": "'a.b'"},
        "rate_approvals": {"status": "'rejected'", "decided_at": "'2025-03-03 08:00Z'"},
        "rate_approval_steps": {"step_number": "2", "decision": "'pending'", "decided_by_user_id": "NULL",
                                "decided_at": "NULL"},
        "sso_provider_configs": {"version": "2", "status": "'retired'"},
        "sso_group_mappings": {"external_group": "'Others'"},
        "sso_user_links": {"external_subject": "'00u9'", "user_id": "2"},
        "sso_login_attempts": {"state_hash": "sha256('2')"},
        "user_provisioning_rules": {"name": "'Others'", "priority": "20"},
    }  # fmt: skip
    also = {
        "fk_event_subscriptions_client": {"user_id": "NULL", "channel": "'webhook'", "kms_key_id": "'key-1'",
                                          "endpoint_url": "'https://partner.example/'",
                                          "signing_secret_encrypted": "sha512('x')"},
        "fk_rate_approval_steps_decided_by": {"decision": "'approved'", "decided_at": "'2025-03-03 08:00Z'"},
    }  # fmt: skip
    wrong = {}
    for name, table, column in keys:
        row = valid[table] | {"id": "500"} | different.get(table, {}) | also.get(name, {}) | {column: "999"}
        refused_by = _refusal(partial(insert, filled, table, row), filled)
        if refused_by != name:
            wrong[name] = refused_by
    assert wrong == {}
