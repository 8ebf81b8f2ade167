"""Revision 005: connections and who is online, events, messages, figures of the hour, subscriptions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bench.environment.seeding import columns as c
from bench.environment.seeding import people
from bench.environment.seeding.customers import user_created
from bench.environment.seeding.dates import (
    DAY,
    HOUR,
    MINUTE,
    NOW,
    REFERENCE_DATE,
    SECOND,
    day_number,
    first_of_month,
    spread,
)
from bench.environment.seeding.market import POPULATION, PRODUCT_WEIGHTS, PRODUCTS, STATES
from bench.environment.seeding.security import CLIENTS, active_user, sessions
from bench.environment.seeding.strings import digits, join, number, vocabulary
from bench.environment.seeding.table import Table

if TYPE_CHECKING:
    from bench.environment.seeding.columns import Columns
    from bench.environment.seeding.scale import Sizes
    from bench.environment.seeding.strings import Ints
    from bench.environment.seeding.table import World

CLIENT_TYPES = ("web", "mobile", "agent_desktop", "service")
_NODES = tuple(f"ws-{node:02d}.edge" for node in range(1, 9))
_ENDS = ("client_closed", "heartbeat_lost", "replaced", "node_shutdown", "error")
_PER_SESSION = 4

FIRST_MONTH = first_of_month(REFERENCE_DATE, -12)
"""The oldest month that has events."""
_FIRST_EVENT = day_number(FIRST_MONTH) * DAY
# Event and how many of a thousand.
_EVENTS = (
    ("page.viewed", 420), ("quote.started", 110), ("quote.step_completed", 230), ("quote.priced", 80),
    ("quote.abandoned", 50), ("policy.purchased", 10), ("payment.made", 40), ("claim.started", 15),
    ("document.downloaded", 30), ("search.performed", 15),
)  # fmt: skip
_EVENT_NAMES = tuple(name for name, _ in _EVENTS)
_ABOUT_RISK = np.array([name.startswith(("quote.", "policy.")) for name in _EVENT_NAMES])
_WITH_MONEY = np.array([name in {"quote.priced", "policy.purchased", "payment.made"} for name in _EVENT_NAMES])
_WITH_DURATION = np.array([name in {"page.viewed", "quote.step_completed", "quote.priced"} for name in _EVENT_NAMES])
_STEPS = ("vehicles", "drivers", "coverages", "discounts", "review")

_METRICS = ("quote.latency_ms", "quote.count", "policy.count", "claim.count", "websocket.connections",
            "search.latency_ms", "payment.amount", "sign_in.count", "error.count", "pool.wait_ms")  # fmt: skip
_DIMENSIONS = ("", "web", "mobile", "agent_desktop")
_PER_HOUR = len(_METRICS) * len(_DIMENSIONS)
_MOST_HOURS = 18_000
"""Hours of 25 months, after which figures are purged."""
_PATTERNS = ("policy.*", "claim.*", "quote.converted", "payment.failed")


def _recent_sessions(sizes: Sizes) -> int:
    return sizes.sessions // 4


def _connections(world: World, ids: Ints) -> Columns:
    """Give each session of the last month four connections; those of yesterday and today may still be open."""
    draw = world.draw("websocket_connections")
    unit, place = np.divmod(ids - 1, _PER_SESSION)
    session = world.sizes.sessions - _recent_sessions(world.sizes) + 1 + unit
    made = sessions(world, session)
    connected = np.minimum(made.created + place * 2 * HOUR + draw.integers("start", ids, 0, HOUR), NOW - MINUTE)
    lasted = (5 * MINUTE * draw.pareto("lasted", ids, 1, 0.9, 90)).astype(np.int64)
    heartbeat = np.minimum(connected + lasted, NOW - 10 * SECOND)
    open_ = (connected > NOW - 2 * DAY) & draw.happens("open", ids, 0.4)
    heartbeat = np.where(open_, NOW - draw.integers("heard", ids, 0, 60) * SECOND, heartbeat)
    ended = np.minimum(heartbeat + draw.integers("silence", ids, 0, 120) * SECOND, NOW)
    staff = made.user <= world.sizes.staff
    client = np.where(staff, 2, draw.choice("client", ids, (55, 45)))
    return {
        "id": c.bigint(ids),
        "user_id": c.bigint(made.user),
        "session_id": c.bigint(session),
        "node": c.word(_NODES, draw.integers("node", ids, 0, len(_NODES))),
        "client_type": c.word(CLIENT_TYPES, client),
        "ip_address": c.inet(people.address(draw, ids)),
        "connected_at": c.timestamptz(connected),
        "last_heartbeat_at": c.timestamptz(np.maximum(heartbeat, connected)),
        "disconnected_at": c.timestamptz(np.maximum(ended, connected), null=open_),
        "disconnect_reason": c.word(_ENDS, draw.choice("why", ids, (60, 25, 8, 5, 2)), null=open_),
    }


def _events(world: World, ids: Ints) -> Columns:
    draw = world.draw("analytics_events")
    kind = draw.choice("kind", ids, [share for _, share in _EVENTS])
    occurred = spread(ids, world.sizes.events, _FIRST_EVENT, NOW - MINUTE)
    known = draw.happens("known", ids, 0.55)
    late = draw.rank("late", ids, 3_600, 1) * SECOND
    price = (100 * draw.pareto("amount", ids, 60, 1.6, 9_000)).astype(np.int64)
    return {
        "event_id": c.uuid(draw.octets("event", ids, 16)),
        "occurred_at": c.timestamptz(occurred),
        "received_at": c.timestamptz(np.minimum(occurred + late, NOW)),
        "event_name": c.word(_EVENT_NAMES, kind),
        "channel": c.word(CLIENT_TYPES, draw.choice("channel", ids, (50, 38, 12))),
        "user_id": c.bigint(active_user(world, draw, ids), null=~known),
        "anonymous_id": c.uuid(
            draw.octets("visit", draw.rank("visitor", ids, max(world.sizes.events // 6, 1), 0.3), 16),
            null=known & draw.happens("direct", ids, 0.7),
        ),
        "state": c.word(STATES, draw.choice("state", ids, POPULATION), null=~_ABOUT_RISK[kind]),
        "product": c.word(PRODUCTS, draw.choice("product", ids, PRODUCT_WEIGHTS), null=~_ABOUT_RISK[kind]),
        "duration_ms": c.integer(
            draw.pareto("duration", ids, 40, 1.1, 60_000).astype(np.int64), null=~_WITH_DURATION[kind]
        ),
        "amount": c.numeric(price, null=~_WITH_MONEY[kind]),
        "properties": c.jsonb(
            join(
                len(ids),
                [
                    b'{"step":"', vocabulary(_STEPS).take(draw.integers("step", ids, 0, len(_STEPS))),
                    b'","experiment":"', vocabulary("AB").take(draw.integers("arm", ids, 0, 2)), b'"}',
                ],
            )
        ),
    }  # fmt: skip


def hours(sizes: Sizes) -> int:
    """Return how many hours have figures."""
    return min(sizes.metrics // _PER_HOUR, _MOST_HOURS)


def _metrics(world: World, ids: Ints) -> Columns:
    draw = world.draw("realtime_metrics")
    back, rest = np.divmod(ids - 1, _PER_HOUR)
    metric, dimension = np.divmod(rest, len(_DIMENSIONS))
    start = NOW - (hours(world.sizes) - back) * HOUR
    count = 1 + draw.rank("count", ids, 5_000, 0.7)
    # In ten-thousandths; the sum lies between count x least and count x most.
    least = draw.integers("least", ids, 1, 200_000)
    most = least + (10_000 * draw.pareto("most", ids, 1, 1.1, 900)).astype(np.int64)
    total = count * least + (count * (most - least) * draw.uniform("mean", ids)).astype(np.int64)
    return {
        "metric_name": c.word(_METRICS, metric),
        "bucket_seconds": c.integer(np.full(len(ids), 3_600)),
        "bucket_start": c.timestamptz(start),
        "dimension": c.word(_DIMENSIONS, dimension),
        "sample_count": c.bigint(count),
        "value_sum": c.numeric(total, scale=4),
        "value_min": c.numeric(least, scale=4),
        "value_max": c.numeric(most, scale=4),
        "updated_at": c.timestamptz(start + HOUR),
    }


def _subscriptions(world: World, ids: Ints) -> Columns:
    """Give each application a webhook, and one of ten users a subscription in the browser."""
    draw = world.draw("event_subscriptions")
    webhook = ids <= CLIENTS
    user = np.clip((ids - CLIENTS) * 10, 1, world.sizes.users)
    client = np.minimum(ids, CLIENTS)
    created = np.where(webhook, NOW - 400 * DAY, np.minimum(user_created(world, user) + HOUR, NOW))
    return {
        "id": c.bigint(ids),
        "user_id": c.bigint(user, null=webhook),
        "oauth2_client_id": c.bigint(client, null=~webhook),
        "event_pattern": c.word(_PATTERNS, draw.integers("pattern", ids, 0, len(_PATTERNS))),
        "channel": c.word(("websocket", "webhook"), webhook),
        "endpoint_url": c.text(
            join(len(ids), [b"https://app", number(client), b".example.com/events/", digits(ids, 8)]), null=~webhook
        ),
        "signing_secret_encrypted": c.bytea(people.encrypted(draw, "secret", ids, 32), null=~webhook),
        "kms_key_id": c.word([people.KMS_KEY], np.zeros(len(ids), np.int64), null=~webhook),
        "filter": c.jsonb(
            vocabulary(["{}", '{"state":"CA"}', '{"state":"TX"}']).take(draw.choice("filter", ids, (80, 12, 8)))
        ),
        "status": c.word(("active", "paused", "failed"), draw.choice("status", ids, (94, 4, 2))),
        "last_delivered_at": c.timestamptz(
            np.maximum(NOW - draw.rank("delivered", ids, 700, 0.9) * HOUR, created),
            null=draw.happens("never", ids, 0.2),
        ),
        "created_at": c.timestamptz(created),
        "updated_at": c.timestamptz(created),
    }


TABLES = (
    Table("websocket_connections", lambda sizes: _recent_sessions(sizes) * _PER_SESSION, _connections),
    Table("analytics_events", lambda sizes: sizes.events, _events),
    Table("realtime_metrics", lambda sizes: hours(sizes) * _PER_HOUR, _metrics),
    Table("event_subscriptions", lambda sizes: CLIENTS + sizes.users // 10, _subscriptions),
)
