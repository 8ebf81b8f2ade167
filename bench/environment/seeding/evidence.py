"""Revision 004, the audit log: fourteen months of who did what, as a service writes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bench.environment.seeding import columns as c
from bench.environment.seeding import people
from bench.environment.seeding.contracts import MOST_TERMS
from bench.environment.seeding.dates import DAY, NOW, REFERENCE_DATE, day_number, first_of_month, spread
from bench.environment.seeding.security import active_user
from bench.environment.seeding.strings import join, number, vocabulary
from bench.environment.seeding.table import Table

if TYPE_CHECKING:
    from bench.environment.seeding.columns import Columns
    from bench.environment.seeding.strings import Ints, Strings
    from bench.environment.seeding.table import World

FIRST_MONTH = first_of_month(REFERENCE_DATE, -14)
"""The oldest month that has entries; thirteen whole months and more, so that a year can be compared with the last."""
_FIRST = day_number(FIRST_MONTH) * DAY
_JOBS = ("renewal_run", "expire_quotes", "retention", "rate_import")
# Entity, action and how many of a hundred entries.
_KINDS = (
    ("customer", "read", 30), ("policy", "read", 22), ("quote", "create", 12), ("policy", "update", 8),
    ("customer", "update", 6), ("claim", "update", 6), ("user", "sign_in", 8), ("claim", "create", 3),
    ("policy", "export", 2), ("user", "sign_out", 2), ("claim", "approve", 1),
)  # fmt: skip
_ENTITIES = tuple(entity for entity, _, _ in _KINDS)
_ACTIONS = tuple(action for _, action, _ in _KINDS)
_IS_UPDATE = np.array([action == "update" for action in _ACTIONS])
_FIELDS = ("phone", "address_line1", "billing_plan", "premium", "reserve_amount", "status")
_REFUSALS = ("role does not allow it", "state of the record does not allow it", "too many requests")


def _entries(world: World, ids: Ints) -> Columns:
    draw = world.draw("audit_logs")
    kind = draw.choice("kind", ids, [share for _, _, share in _KINDS])
    job = draw.happens("job", ids, 0.08)
    outcome = draw.choice("outcome", ids, (97, 2, 1))
    success = outcome == 0
    session = 1 + draw.integers("session", ids, 0, world.sizes.sessions)
    return {
        "id": c.bigint(ids),
        "created_at": c.timestamptz(spread(ids, world.sizes.audit_entries, _FIRST, NOW)),
        "actor_user_id": c.bigint(active_user(world, draw, ids), null=job),
        "job_name": c.word(_JOBS, draw.integers("which_job", ids, 0, len(_JOBS)), null=~job),
        "session_id": c.bigint(session, null=job),
        "request_id": c.uuid(draw.octets("request", ids, 16), null=job),
        "action": c.word(_ACTIONS, kind),
        "entity_type": c.word(_ENTITIES, kind),
        "entity_id": c.text(_entity(world, ids, kind)),
        "outcome": c.word(("success", "denied", "failure"), outcome),
        "reason": c.word(_REFUSALS, draw.integers("reason", ids, 0, len(_REFUSALS)), null=success),
        "ip_address": c.inet(people.address(draw, ids), null=job),
        "changes": c.jsonb(_changes(world, ids), null=~(_IS_UPDATE[kind] & success)),
    }


def _entity(world: World, ids: Ints, kind: Ints) -> Strings:
    """Write the key of what was touched; some records are looked at again and again."""
    sizes = world.sizes
    most = {
        "customer": sizes.customers,
        "policy": sizes.contracts * MOST_TERMS,
        "quote": sizes.quotes,
        "claim": sizes.claims,
        "user": sizes.users,
    }
    count = np.array([most[entity] for entity in _ENTITIES], dtype=np.int64)[kind]
    return number(1 + world.draw("audit_logs").rank("entity", ids, count, 0.5))


def _changes(world: World, ids: Ints) -> Strings:
    draw = world.draw("audit_logs")
    field = vocabulary(_FIELDS).take(draw.integers("field", ids, 0, len(_FIELDS)))
    old, new = (number(draw.integers(which, ids, 100, 9_999)) for which in ("old", "new"))
    return join(len(ids), [b'{"', field, b'":{"old":"', old, b'","new":"', new, b'"}}'])


TABLES = (Table("audit_logs", lambda sizes: sizes.audit_entries, _entries),)
