"""Revision 005, notifications: a year of messages about policies and claims, nearly all long delivered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bench.environment.seeding import columns as c
from bench.environment.seeding import contracts
from bench.environment.seeding.customers import customer_of
from bench.environment.seeding.dates import DAY, HOUR, MINUTE, NOW, SECOND, spread
from bench.environment.seeding.policies import claims, known_claims
from bench.environment.seeding.strings import base64url, digits, join
from bench.environment.seeding.table import Table

if TYPE_CHECKING:
    from bench.environment.seeding.columns import Columns
    from bench.environment.seeding.strings import Ints
    from bench.environment.seeding.table import World

_FIRST = NOW - 365 * DAY
_CHANNELS = ("email", "sms", "push", "in_app")
_STATUSES = ("pending", "sent", "delivered", "read", "failed", "expired", "cancelled")
_PENDING, _SENT, _DELIVERED, _READ, _FAILED, _EXPIRED, _CANCELLED = range(7)
_TEMPLATES = ("policy_issued", "renewal_offer", "payment_due", "document_ready", "claim_received", "claim_decided")
_ABOUT_CLAIM = 4
"""Templates from this one on speak of a claim."""
_ERRORS = ("mailbox full", "number not in service", "device unregistered", "provider timeout")


def login_of(world: World, customer: Ints) -> tuple[Ints, np.typing.NDArray[np.bool_]]:
    """Return the user that shares a customer's place, and whether it is the customer's own."""
    user = world.sizes.staff + (customer + 1) // 2
    return user, customer_of(world, user) == customer


def _notifications(world: World, ids: Ints) -> Columns:
    draw = world.draw("notifications")
    created = spread(ids, world.sizes.notifications, _FIRST, NOW - MINUTE)
    template = draw.choice("template", ids, (18, 22, 34, 10, 8, 8))
    claim = np.maximum(known_claims(world, created) - draw.rank("claim", ids, 40, 0.5), 1)
    claimed = claims(world, claim)
    of_claim = (template >= _ABOUT_CLAIM) & claimed.covered
    contract = np.where(
        of_claim, claimed.sold.id, 1 + draw.integers("contract", ids, 0, contracts.known_contracts(world, created))
    )
    user, own = login_of(world, contracts.contracts(world, contract).customer)
    policy = np.where(of_claim, claimed.term.policy, contracts.policy_id(contract, np.zeros(len(ids), np.int64)))
    status = _status(world, ids, NOW - created)
    sent = created + draw.integers("queue", ids, 1, 120) * SECOND
    delivered = np.minimum(sent + draw.integers("travel", ids, 1, 600) * SECOND, NOW)
    read = np.minimum(delivered + (draw.pareto("read", ids, 60, 0.7, 500_000) * SECOND).astype(np.int64), NOW)
    went = np.isin(status, (_SENT, _DELIVERED, _READ))
    sent = np.minimum(sent, NOW)
    return {
        "id": c.bigint(ids),
        "user_id": c.bigint(user),
        "policy_id": c.bigint(policy, null=~own),
        "claim_id": c.bigint(claim, null=~own | ~of_claim),
        "channel": c.word(_CHANNELS, draw.choice("channel", ids, (48, 14, 18, 20))),
        "template": c.word(_TEMPLATES, np.where(of_claim, template, template % _ABOUT_CLAIM)),
        "language": c.word(("en", "es"), draw.happens("spanish", ids, 0.13)),
        "payload": c.jsonb(join(len(ids), [b'{"reference":"N', digits(ids, 9), b'"}'])),
        "status": c.word(_STATUSES, status),
        "priority": c.word(("low", "normal", "high"), draw.choice("priority", ids, (15, 75, 10))),
        "scheduled_at": c.timestamptz(created),
        "expires_at": c.timestamptz(created + 7 * DAY, null=draw.happens("lasting", ids, 0.6) & (status != _EXPIRED)),
        "attempts": c.smallint(np.where(went, 1, np.where(status == _FAILED, 3, 0))),
        "last_error": c.word(_ERRORS, draw.integers("error", ids, 0, len(_ERRORS)), null=status != _FAILED),
        "provider_message_id": c.text(base64url(draw.octets("message", ids, 22)), null=~went),
        "sent_at": c.timestamptz(sent, null=~went),
        "delivered_at": c.timestamptz(np.maximum(delivered, sent), null=~np.isin(status, (_DELIVERED, _READ))),
        "read_at": c.timestamptz(np.maximum(read, sent), null=status != _READ),
        "created_at": c.timestamptz(created),
        "updated_at": c.timestamptz(np.where(went, np.maximum(delivered, sent), created)),
    }


def _status(world: World, ids: Ints, age: Ints) -> Ints:
    draw = world.draw("notifications")
    old = draw.choice("status.old", ids, (0, 6, 42, 46, 3, 2, 1))
    fresh = draw.choice("status.fresh", ids, (40, 25, 25, 8, 2, 0, 0))
    return np.where(age < 12 * HOUR, fresh, old)


TABLES = (Table("notifications", lambda sizes: sizes.notifications, _notifications),)
