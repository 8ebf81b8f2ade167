"""Revision 007: settings of the directories, what their groups mean, who is linked to whom, sign-in attempts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bench.environment.seeding import columns as c
from bench.environment.seeding import people
from bench.environment.seeding.admin import ROLES, tenant_name
from bench.environment.seeding.customers import STAFF_TYPES, staff_type, user_created
from bench.environment.seeding.dates import DAY, HOUR, MINUTE, NOW, SECOND, spread
from bench.environment.seeding.security import FIRST_DAY, PROVIDERS, SAML, STAFF_PROVIDER
from bench.environment.seeding.strings import as_strings, base64url, digits, join, number, vocabulary
from bench.environment.seeding.table import Table

if TYPE_CHECKING:
    from bench.environment.seeding.columns import Columns
    from bench.environment.seeding.strings import Ints
    from bench.environment.seeding.table import World

_VERSIONS = 2
_GROUPS = 8
_RULES = 3
_GROUP_TYPES = ("agent", "underwriter", "adjuster", "actuary", "admin")
_FAILURES = ("expired", "state_mismatch", "signature_invalid", "claims_invalid", "no_rule", "denied_by_rule",
             "account_disabled", "provider_error")  # fmt: skip
_MAPPINGS = (
    '{"subject":"sub","email":{"claim":"email","transform":"lower"},"display_name":"name","groups":"groups"}',
    '{"subject":"NameID","email":{"claim":"mail","transform":"lower"},"groups":{"claim":"memberOf","separator":";"}}',
)
_PATHS = ("/", "/quotes", "/claims", "/policies", "/admin/rates")


def _configs(world: World, ids: Ints) -> Columns:
    """Give each directory a retired version of its settings and the one in force."""
    draw = world.draw("sso_provider_configs")
    at, version = np.divmod(ids - 1, _VERSIONS)
    saml = SAML[at]
    host = join(len(ids), [b"https://", vocabulary(PROVIDERS).take(at), b".example.com"])
    created = (FIRST_DAY + 60 * at + 400 * version) * DAY
    body = as_strings(base64url(draw.octets("certificate", ids, 64)))
    certificate = join(len(ids), [b"-----BEGIN CERTIFICATE-----\n", body, b"\n-----END CERTIFICATE-----\n"])
    return {
        "id": c.bigint(ids),
        "sso_provider_id": c.bigint(at + 1),
        "protocol": c.word(("oidc", "saml"), saml),
        "version": c.integer(version + 1),
        "status": c.word(("retired", "active"), version),
        "oidc_client_id": c.text(join(len(ids), [b"poolbench-", digits(ids, 3)]), null=saml),
        "client_secret_encrypted": c.bytea(people.encrypted(draw, "secret", ids, 32), null=saml),
        "kms_key_id": c.word([people.KMS_KEY], np.zeros(len(ids), np.int64), null=saml),
        "authorization_url": c.text(join(len(ids), [host, b"/authorize"]), null=saml),
        "token_url": c.text(join(len(ids), [host, b"/token"]), null=saml),
        "jwks_url": c.text(join(len(ids), [host, b"/keys"]), null=saml),
        "sso_url": c.text(join(len(ids), [host, b"/saml"]), null=~saml),
        "signing_certificate": c.text(certificate, null=~saml),
        "certificate_expires_at": c.timestamptz(np.full(len(ids), NOW + 300 * DAY), null=~saml),
        "claim_mapping": c.jsonb(vocabulary(_MAPPINGS).take(saml.astype(np.int64))),
        "clock_skew_seconds": c.smallint(np.full(len(ids), 60)),
        "created_by_user_id": c.bigint(1 + draw.integers("by", ids, 0, world.sizes.staff)),
        "created_at": c.timestamptz(created),
        "activated_at": c.timestamptz(created + DAY),
    }


def _groups(world: World, ids: Ints) -> Columns:
    at, group = np.divmod(ids - 1, _GROUPS)
    kind = np.minimum(group, len(_GROUP_TYPES) - 1)
    admin = kind == len(_GROUP_TYPES) - 1
    created = (FIRST_DAY + 60 * at) * DAY
    tenant = 1 + (at * _GROUPS + group) % world.sizes.tenants
    return {
        "id": c.bigint(ids),
        "sso_provider_id": c.bigint(at + 1),
        "external_group": c.text(
            join(len(ids), [b"CN=", vocabulary(_GROUP_TYPES).take(kind), b"-", number(group), b",OU=poolbench"])
        ),
        "user_type": c.word(_GROUP_TYPES, kind),
        "admin_role_id": c.bigint(1 + group % len(ROLES), null=~admin),
        "tenant_id": c.text(tenant_name(tenant), null=~admin),
        "priority": c.smallint(10 * (group + 1)),
        "created_at": c.timestamptz(created),
        "updated_at": c.timestamptz(created),
    }


def _links(world: World, ids: Ints) -> Columns:
    """One unit is a staff user: all are linked to our own directory, and some agents to their agency's."""
    draw = world.draw("sso_user_links")
    person = staff_type(ids) != STAFF_TYPES.index("service")
    agency = (staff_type(ids) == STAFF_TYPES.index("agent")) & draw.happens("agency", ids, 0.4)
    owner, place = np.nonzero(np.stack((person, agency), axis=1))
    user, place = ids[owner], place.astype(np.int64)
    key = (user - 1) * 2 + place + 1
    linked = user_created(world, user) + DAY
    return {
        "id": c.bigint(key),
        "user_id": c.bigint(user),
        "sso_provider_id": c.bigint(np.where(place == 0, STAFF_PROVIDER, 1 + user % 3)),
        "external_subject": c.text(base64url(draw.octets("subject", key, 27))),
        "external_email": c.text(join(len(key), [b"user", number(user), b"@directory.example.com"])),
        "linked_at": c.timestamptz(linked),
        "last_sign_in_at": c.timestamptz(
            NOW - draw.rank("idle", key, 2_000, 0.8) * HOUR - HOUR, null=draw.happens("unused", key, 0.05)
        ),
    }


def _attempts(world: World, ids: Ints) -> Columns:
    """Write the attempts of the last month, which is how long they are kept."""
    draw = world.draw("sso_login_attempts")
    created = spread(ids, world.sizes.login_attempts, NOW - 30 * DAY, NOW - MINUTE)
    provider = np.where(draw.happens("agency", ids, 0.25), 1 + draw.integers("provider", ids, 0, 3), STAFF_PROVIDER)
    saml = SAML[provider - 1]
    status = draw.choice("status", ids, (3, 90, 7))
    failed = status == 2
    why = draw.choice("why", ids, (30, 6, 4, 10, 25, 10, 10, 5))
    known = (status == 1) | (failed & (why == _FAILURES.index("account_disabled")))
    took = np.where(failed & (why == 0), 12 * MINUTE, draw.integers("took", ids, 2, 90) * SECOND)
    return {
        "id": c.bigint(ids),
        "sso_provider_id": c.bigint(provider),
        "state_hash": c.bytea(draw.octets("state", ids, 32)),
        "nonce_hash": c.bytea(draw.octets("nonce", ids, 32), null=saml),
        "code_verifier_encrypted": c.bytea(people.encrypted(draw, "verifier", ids, 43), null=saml),
        "kms_key_id": c.word([people.KMS_KEY], np.zeros(len(ids), np.int64), null=saml),
        "redirect_path": c.word(_PATHS, draw.rank("path", ids, len(_PATHS), 0.8)),
        "ip_address": c.inet(people.address(draw, np.where(failed, ids // 20, ids))),
        "status": c.word(("started", "succeeded", "failed"), status),
        "failure_reason": c.word(_FAILURES, why, null=~failed),
        "user_id": c.bigint(1 + draw.rank("user", ids, world.sizes.staff, 0.6), null=~known),
        "created_at": c.timestamptz(created),
        "expires_at": c.timestamptz(created + 10 * MINUTE),
        "completed_at": c.timestamptz(created + took, null=status == 0),
    }


def _rules(_world: World, ids: Ints) -> Columns:
    at, rule = np.divmod(ids - 1, _RULES)
    created = (FIRST_DAY + 60 * at) * DAY
    values = [(f"@{name}.example.com",) for name in PROVIDERS]
    return {
        "id": c.bigint(ids),
        "sso_provider_id": c.bigint(at + 1),
        "name": c.word(("Colleagues of before", "New agents", "Nobody else"), rule),
        "priority": c.smallint(10 * (rule + 1)),
        "match_field": c.word(("email", "email", "groups"), rule),
        "match_operator": c.word(("ends_with", "ends_with", "present"), rule),
        "match_values": c.text_array([*values, ()], np.where(rule == _RULES - 1, len(values), at)),
        "action": c.word(("link_by_email", "create", "deny"), rule),
        "user_type": c.word(("agent",), np.zeros(len(ids), np.int64), null=rule != 1),
        "enabled": c.boolean(at != len(PROVIDERS) - 1),
        "created_at": c.timestamptz(created),
        "updated_at": c.timestamptz(created),
    }


TABLES = (
    Table("sso_provider_configs", lambda _: len(PROVIDERS) * _VERSIONS, _configs),
    Table("sso_group_mappings", lambda _: len(PROVIDERS) * _GROUPS, _groups),
    Table("sso_user_links", lambda sizes: sizes.staff, _links),
    Table("sso_login_attempts", lambda sizes: sizes.login_attempts, _attempts),
    Table("user_provisioning_rules", lambda _: len(PROVIDERS) * _RULES, _rules),
)
