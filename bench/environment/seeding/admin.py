"""Revision 006: tenants' administrators, settings, rate approvals with their steps, and what was done."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bench.environment.seeding import columns as c
from bench.environment.seeding import people
from bench.environment.seeding.customers import staff_of
from bench.environment.seeding.dates import DAY, HOUR, MINUTE, NOW, spread
from bench.environment.seeding.filings import APPROVED, OPEN, has_open_version, version_id
from bench.environment.seeding.ratebook import KEYS
from bench.environment.seeding.rates import filed_at
from bench.environment.seeding.strings import digits, join, number, vocabulary
from bench.environment.seeding.table import Table

if TYPE_CHECKING:
    from bench.environment.seeding.columns import Columns
    from bench.environment.seeding.scale import Sizes
    from bench.environment.seeding.strings import Ints, Strings
    from bench.environment.seeding.table import World

PER_TENANT = 6
"""Administrators of a tenant."""
_BEGAN = NOW - 1_500 * DAY
_ROLES: dict[str, tuple[str, dict[str, list[str]]]] = {
    "platform_admin": (
        "Runs a tenant.",
        {"users": ["read", "create", "update", "disable"], "settings": ["read", "update"]},
    ),
    "rate_manager": ("Proposes and changes rates.", {"rates": ["read", "create", "update"]}),
    "rate_approver": ("Decides on rates.", {"rates": ["read", "approve"], "audit": ["read"]}),
    "claims_lead": ("Leads adjusters.", {"claims": ["read", "update", "approve"], "customers": ["read"]}),
    "underwriting_lead": ("Leads underwriters.", {"policies": ["read", "update", "approve"], "quotes": ["read"]}),
    "compliance_officer": (
        "Answers examiners.",
        {"audit": ["read", "export"], "customers": ["read", "export", "erase"]},
    ),
    "support": ("Helps customers.", {"customers": ["read", "update"], "policies": ["read"], "quotes": ["read"]}),
    "sso_admin": ("Keeps directories.", {"sso": ["read", "update"], "users": ["read"]}),
}
ROLES = tuple(_ROLES)
_SETTING_AREAS = ("billing", "claims", "documents", "mail", "notices", "quotes", "rating", "renewals", "sign_in", "web")
_SETTINGS = (
    ("enabled", "boolean", "true"), ("limit_dollars", "number", "2500"), ("deadline_days", "number", "30"),
    ("sender", "string", '"service@tenant.example.com"'), ("channels", "array", '["email", "mail"]'),
    ("windows", "object", '{"from": "08:00", "to": "18:00"}'),
)  # fmt: skip
_STATUSES = ("draft", "submitted", "under_review", "approved", "rejected", "withdrawn", "applied")
_DRAFT, _SUBMITTED, _REVIEW, _APPROVED, _REJECTED, _WITHDRAWN, _APPLIED = range(7)
_OFFICES = ("actuarial", "underwriting", "compliance", "executive")
_MOST_STEPS = 3
_NOTES = ("No objection.", "Agreed, with a review after two quarters.", "The trend is not supported by the data.")
# What was done, to what, and how many of a hundred entries.
_DONE = (
    ("system_setting.changed", "system_setting", 24), ("admin_user.changed", "admin_user", 10),
    ("rate_approval.submitted", "rate_approval", 14), ("rate_approval.approved", "rate_approval", 10),
    ("rate_approval_step.approved", "rate_approval_step", 22), ("admin_user.created", "admin_user", 5),
    ("customer.exported", "customer", 15),
)  # fmt: skip


def tenant_name(tenant: Ints) -> Strings:
    """Return the names of tenants, from 1."""
    return join(len(tenant), [b"carrier-", digits(tenant, 3)])


def _document(grants: dict[str, list[str]], **extra: object) -> str:
    listed = [{"resource": resource, "actions": actions, **extra} for resource, actions in grants.items()]
    return json.dumps({"version": 1, "grants": listed})


def _roles(_world: World, ids: Ints) -> Columns:
    at = ids - 1
    began = np.full(len(ids), _BEGAN)
    return {
        "id": c.bigint(ids),
        "name": c.word(ROLES, at),
        "description": c.word([description for description, _ in _ROLES.values()], at),
        "permissions": c.jsonb(vocabulary(_document(grants) for _, grants in _ROLES.values()).take(at)),
        "created_at": c.timestamptz(began),
        "updated_at": c.timestamptz(began),
    }


def admin_user(world: World, admin: Ints) -> Ints:
    """Return the user behind an administrator: staff in turn, so that nobody is twice in one tenant."""
    return (admin - 1) % world.sizes.staff + 1


def _admins(world: World, ids: Ints) -> Columns:
    draw = world.draw("admin_users")
    tenant, place = np.divmod(ids - 1, PER_TENANT)
    created = _BEGAN + tenant * DAY
    return {
        "id": c.bigint(ids),
        "user_id": c.bigint(admin_user(world, ids)),
        "tenant_id": c.text(tenant_name(tenant + 1)),
        "admin_role_id": c.bigint(1 + (place + tenant) % len(ROLES)),
        "status": c.word(("active", "suspended"), draw.happens("suspended", ids, 0.05)),
        "mfa_required": c.boolean(np.ones(len(ids), dtype=np.bool_)),
        "last_active_at": c.timestamptz(NOW - draw.rank("idle", ids, 2_000, 0.8) * HOUR - HOUR),
        "created_at": c.timestamptz(created),
        "updated_at": c.timestamptz(created),
    }


def _grants(world: World, ids: Ints) -> Columns:
    """One unit is an administrator; a colleague of the same tenant gives some of them a right for a while."""
    draw = world.draw("admin_permissions")
    ids = ids[draw.happens("granted", ids, 0.5)]
    tenant, place = np.divmod(ids - 1, PER_TENANT)
    granted = NOW - draw.integers("granted_at", ids, 1, 200) * DAY
    documents = vocabulary(
        [
            _document({"claims": ["read", "approve"]}, max_amount=25_000),
            _document({"rates": ["read", "approve"]}, states=["CA", "NV"]),
        ]
    )
    return {
        "id": c.bigint(ids),
        "admin_user_id": c.bigint(ids),
        "permissions": c.jsonb(documents.take(draw.integers("what", ids, 0, 2))),
        "reason": c.text(join(len(ids), [b"Substitution, ticket ", number(1_000 + ids)])),
        "granted_by_admin_user_id": c.bigint(tenant * PER_TENANT + (place + 1) % PER_TENANT + 1),
        "granted_at": c.timestamptz(granted),
        "expires_at": c.timestamptz(granted + 60 * DAY),
        "revoked_at": c.timestamptz(granted + DAY, null=~draw.happens("revoked", ids, 0.1)),
    }


def _settings(world: World, ids: Ints) -> Columns:
    draw = world.draw("system_settings")
    tenant, key = np.divmod(ids - 1, len(_SETTING_AREAS) * len(_SETTINGS))
    kind = key % len(_SETTINGS)
    keys = vocabulary(f"{area}.{name}" for area in _SETTING_AREAS for name, _, _ in _SETTINGS)
    version = 1 + draw.rank("version", ids, 30, 1)
    created = _BEGAN + tenant * DAY
    changed = np.where(version > 1, NOW - draw.integers("changed", ids, 1, 900) * DAY, created)
    by = admin_user(world, tenant * PER_TENANT + 1 + draw.integers("by", ids, 0, PER_TENANT))
    return {
        "id": c.bigint(ids),
        "tenant_id": c.text(tenant_name(tenant + 1)),
        "key": c.text(keys.take(key)),
        "value_type": c.word([value_type for _, value_type, _ in _SETTINGS], kind),
        "value": c.jsonb(vocabulary(value for _, _, value in _SETTINGS).take(kind)),
        "description": c.text(join(len(ids), [b"Sets ", keys.take(key), b" for this tenant."])),
        "version": c.integer(version),
        "updated_by_user_id": c.bigint(by, null=version == 1),
        "created_at": c.timestamptz(created),
        "updated_at": c.timestamptz(np.maximum(changed, created)),
    }


@dataclass(frozen=True, slots=True)
class Approvals:
    """What steps need to know of the approvals they belong to."""

    tenant: Ints
    version: Ints
    requester: Ints
    impact: Ints
    required: Ints
    steps: Ints
    status: Ints
    created: Ints


def _open_approvals(sizes: Sizes) -> int:
    """Return how many approvals are still open: the newest, each about another key."""
    return min(sizes.rate_approvals // 10, KEYS)


def approvals(world: World, ids: Ints) -> Approvals:
    """Look rate approvals up; they are numbered about as their rates were filed."""
    draw = world.draw("rate_approvals")
    sizes, book = world.sizes, world.book
    rates = KEYS * book.revisions
    history = sizes.rate_approvals - _open_approvals(sizes)
    # 701 and the number of keys have no common divisor: a walk that meets every key once.
    current = rates - KEYS + 1 + (ids * 701) % KEYS
    is_open = (ids > history) & has_open_version(world, current)
    rate = np.where(ids > history, current, 1 + (ids - 1) * rates // history)
    version = np.where(is_open, version_id(rate, OPEN), version_id(rate, APPROVED))
    ended = np.array((_APPLIED, _REJECTED, _WITHDRAWN))[draw.choice("ended", ids, (84, 10, 6))]
    pending = draw.choice("pending", ids, (25, 25, 40, 10))
    impact = draw.integers("impact", ids, -300, 1_400)
    required = np.where(np.abs(impact) > 1_000, 2, 1 + draw.happens("two", ids, 0.3))
    revision, key = np.divmod(rate - 1, KEYS)
    filed = filed_at(book.starts[key, revision])
    created = np.where(is_open, NOW - draw.integers("opened", ids, 3, 40) * DAY, filed - 25 * DAY)
    actuaries = staff_of("actuary", sizes.staff)
    return Approvals(
        tenant=1 + draw.rank("tenant", ids, sizes.tenants, 0.8),
        version=version,
        requester=actuaries[draw.integers("requester", ids, 0, len(actuaries))],
        impact=impact,
        required=required,
        steps=np.minimum(required + draw.happens("more", ids, 0.2), _MOST_STEPS),
        status=np.where(is_open, pending, ended),
        created=created,
    )


def _approvals(world: World, ids: Ints) -> Columns:
    made = approvals(world, ids)
    submitted, decided = made.created + DAY, made.created + 2 * DAY
    no_submission = (made.status == _DRAFT) | (made.status == _WITHDRAWN)
    has_decision = np.isin(made.status, (_APPROVED, _REJECTED, _APPLIED))
    return {
        "id": c.bigint(ids),
        "tenant_id": c.text(tenant_name(made.tenant)),
        "rate_table_version_id": c.bigint(made.version),
        "requested_by_user_id": c.bigint(made.requester),
        "title": c.text(join(len(ids), [b"Rate change ", number(ids)])),
        "justification": c.text(
            join(len(ids), [b"Loss ratio ", number(55 + made.impact % 40), b" % over eight quarters, trend rising."])
        ),
        "impact_percent": c.numeric(made.impact),
        "required_approvals": c.smallint(made.required),
        "status": c.word(_STATUSES, made.status),
        "submitted_at": c.timestamptz(submitted, null=no_submission),
        "decided_at": c.timestamptz(decided, null=~has_decision),
        "applied_at": c.timestamptz(decided + DAY, null=made.status != _APPLIED),
        "created_at": c.timestamptz(made.created),
        "updated_at": c.timestamptz(np.where(has_decision, decided, made.created)),
    }


def _steps(world: World, ids: Ints) -> Columns:
    """One unit is an approval."""
    made = approvals(world, ids)
    owner = np.repeat(np.arange(len(ids)), made.steps)
    place = np.arange(len(owner)) - np.repeat(np.cumsum(made.steps) - made.steps, made.steps)
    draw = world.draw("rate_approval_steps")
    key = (ids[owner] - 1) * _MOST_STEPS + place + 1
    status = made.status[owner]
    last = place == made.steps[owner] - 1
    agreed = np.isin(status, (_APPROVED, _APPLIED)) | ((status == _REJECTED) & ~last)
    agreed |= (status == _REVIEW) & (place == 0) & ~last
    refused = (status == _REJECTED) & last
    decision = np.where(refused, 2, agreed.astype(np.int64))
    # Actuaries propose and underwriters decide, so nobody approves what they proposed.
    deciders = staff_of("underwriter", world.sizes.staff)
    decider = deciders[(draw.integers("first", ids[owner], 0, len(deciders)) + place) % len(deciders)]
    created = made.created[owner]
    return {
        "id": c.bigint(key),
        "rate_approval_id": c.bigint(ids[owner]),
        "tenant_id": c.text(tenant_name(made.tenant[owner])),
        "requested_by_user_id": c.bigint(made.requester[owner]),
        "step_number": c.smallint(place + 1),
        "required_role": c.word(_OFFICES, place),
        "decision": c.word(("pending", "approved", "rejected"), decision),
        "decided_by_user_id": c.bigint(decider, null=decision == 0),
        "decided_at": c.timestamptz(created + DAY + (place + 1) * HOUR, null=decision == 0),
        "note": c.word(_NOTES, np.where(refused, 2, place % 2), null=~refused & draw.happens("silent", key, 0.6)),
        "created_at": c.timestamptz(created + MINUTE),
    }


def _log(world: World, ids: Ints) -> Columns:
    draw = world.draw("admin_activity_logs")
    kind = draw.choice("kind", ids, [share for _, _, share in _DONE])
    tenant = draw.rank("tenant", ids, world.sizes.tenants, 0.8)
    admin = tenant * PER_TENANT + 1 + draw.rank("admin", ids, PER_TENANT, 0.5)
    trigger = draw.happens("by_trigger", ids, 0.6)
    created = np.char.endswith([action for action, _, _ in _DONE], "created")[kind]
    old, new = (
        join(len(ids), [b'{"version":', number(draw.integers(which, ids, 1, 40)), b"}"]) for which in ("old", "new")
    )
    return {
        "id": c.bigint(ids),
        "tenant_id": c.text(tenant_name(tenant + 1)),
        "created_at": c.timestamptz(spread(ids, world.sizes.admin_entries, NOW - 420 * DAY, NOW)),
        "actor_user_id": c.bigint(admin_user(world, admin), null=draw.happens("owner", ids, 0.02)),
        "action": c.word([action for action, _, _ in _DONE], kind),
        "resource_type": c.word([resource for _, resource, _ in _DONE], kind),
        "resource_id": c.text(number(1 + draw.rank("resource", ids, 3_000, 0.6))),
        "old_values": c.jsonb(old, null=created),
        "new_values": c.jsonb(new),
        "request_id": c.uuid(draw.octets("request", ids, 16), null=trigger),
        "ip_address": c.inet(people.address(draw, ids), null=trigger),
    }


TABLES = (
    Table("admin_roles", lambda _: len(ROLES), _roles),
    Table("admin_users", lambda sizes: sizes.tenants * PER_TENANT, _admins),
    Table("admin_permissions", lambda sizes: sizes.tenants * PER_TENANT, _grants),
    Table("system_settings", lambda sizes: sizes.tenants * len(_SETTING_AREAS) * len(_SETTINGS), _settings),
    Table("rate_approvals", lambda sizes: sizes.rate_approvals, _approvals),
    Table("rate_approval_steps", lambda sizes: sizes.rate_approvals, _steps),
    Table("admin_activity_logs", lambda sizes: sizes.admin_entries, _log),
)
