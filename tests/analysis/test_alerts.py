"""Health beyond a threshold alerts once, with its reason, and clears when it is well again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from bench.analysis.alerts import FEWEST_BLOCKS, changes, judge_health
from bench.environment.health.watch import shipped_thresholds
from bench.model.errors import ScenarioError
from bench.model.health import (
    Health,
    Interval,
    PartitionHealth,
    PoolerHealth,
    PoolHealth,
    ServerHealth,
    Session,
    between,
)
from bench.model.thresholds import parse_thresholds

if TYPE_CHECKING:
    from bench.analysis.alerts import Alert

SHIPPED = parse_thresholds(shipped_thresholds(), "shipped")
POOL = PoolHealth(
    database="insurance", user="app", mode="transaction", pool_size=10, paused=False, cl_active=3, cl_waiting=0,
    sv_active=3, sv_idle=7, sv_used=0, sv_tested=0, sv_login=0, maxwait_s=0.0,
)  # fmt: skip
SESSION = Session(
    pid=7, user="app", database="insurance", application="", state="active", waits_for="", transaction_s=0.1,
    state_s=0.1, lock_wait_s=None, blocked_by=(),
)  # fmt: skip
SERVER = ServerHealth(
    version="18.0", database="insurance", max_connections=100, connections={"active": 3, "idle": 7},
    sessions=(SESSION,), locks_waiting=0, autovacuum=0, xid_age=1000, counters={},
    partitions=(PartitionHealth(table="audit_logs", months_ahead=3, has_default=True),),
)  # fmt: skip
INTERVAL = Interval(seconds=60, blocks_hit=10_000, blocks_read=10, deadlocks=0, temp_bytes=0, transactions=9)
POOLER = PoolerHealth(version="1.24", pools=(POOL,), totals={}, lists={})
WELL = Health(server=SERVER, pooler=POOLER, interval=INTERVAL)


def _with_pool(**changed: object) -> Health:
    pool = msgspec.structs.replace(POOL, **changed)
    return msgspec.structs.replace(WELL, pooler=msgspec.structs.replace(POOLER, pools=(pool,)))


def _with_server(**changed: object) -> Health:
    return msgspec.structs.replace(WELL, server=msgspec.structs.replace(SERVER, **changed))


def _with_session(**changed: object) -> Health:
    return _with_server(sessions=(msgspec.structs.replace(SESSION, **changed),))


def _with_interval(**changed: object) -> Health:
    return msgspec.structs.replace(WELL, interval=msgspec.structs.replace(INTERVAL, **changed))


def _partitions(months: int) -> Health:
    return _with_server(partitions=(PartitionHealth(table="audit_logs", months_ahead=months, has_default=True),))


def _names(alerts: list[Alert]) -> list[tuple[str, str]]:
    return [(alert.name, alert.severity) for alert in alerts]


def test_a_healthy_target_has_no_alert() -> None:
    assert judge_health(WELL, SHIPPED) == []


@pytest.mark.parametrize(
    ("health", "alerts"),
    [
        (_with_pool(sv_active=9), [("pool_utilisation", "warning")]),
        (_with_pool(cl_waiting=10), [("waiting_clients", "warning")]),
        (_with_pool(cl_waiting=100), [("waiting_clients", "critical")]),
        (_with_pool(maxwait_s=1.5), [("maxwait", "warning")]),
        (_with_pool(maxwait_s=5.0), [("maxwait", "critical")]),
        (_with_pool(paused=True), [("pool_paused", "critical")]),
        (_with_server(connections={"idle": 96}), [("connections", "critical")]),
        (_with_server(locks_waiting=5), [("locks_waiting", "warning")]),
        (_with_server(xid_age=600_000_000), [("xid_age", "warning")]),
        (_with_session(transaction_s=61.0), [("long_transaction", "warning")]),
        (_with_session(state="idle in transaction", state_s=70.0), [("idle_in_transaction", "critical")]),
        (_with_session(state="active", state_s=70.0), []),
        (_with_session(lock_wait_s=2.0, blocked_by=(8,)), [("lock_wait", "warning")]),
        (_partitions(1), [("months_ahead", "warning")]),
        (_partitions(0), [("months_ahead", "critical")]),
        (_partitions(-1), [("months_ahead", "critical")]),
        (_with_interval(deadlocks=1), [("deadlocks", "warning")]),
        (_with_interval(blocks_read=2000), [("hit_ratio", "critical")]),
        (_with_interval(blocks_hit=0, blocks_read=FEWEST_BLOCKS - 1), []),
        (Health(server=None, pooler=None, unreachable={"server": "gone"}), [("unreachable", "critical")]),
    ],
)
def test_each_quantity_alerts_beyond_its_threshold(health: Health, alerts: list[tuple[str, str]]) -> None:
    found = judge_health(health, SHIPPED)
    assert _names(found) == alerts
    assert all(alert.reason and alert.text for alert in found)


def test_who_blocks_is_told() -> None:
    (alert,) = judge_health(_with_session(lock_wait_s=2.0, blocked_by=(8, 9)), SHIPPED)
    assert (alert.subject, alert.text) == ("app@insurance pid 7", "blocked by 8, 9, waiting for 2 s (limit 1 s)")


def test_an_alert_appears_once_and_clears_once() -> None:
    first = judge_health(_with_pool(maxwait_s=2.0), SHIPPED)
    longer = judge_health(_with_pool(maxwait_s=3.0), SHIPPED)
    graver = judge_health(_with_pool(maxwait_s=9.0), SHIPPED)
    assert changes([], first) == (first, [])
    assert changes(first, longer) == ([], [])
    assert changes(longer, graver) == (graver, [])
    assert changes(graver, []) == ([], graver)


def test_counters_that_were_reset_count_from_zero() -> None:
    before = msgspec.structs.replace(SERVER, counters={"blks_hit": 1000.0, "deadlocks": 3.0})
    after = msgspec.structs.replace(SERVER, counters={"blks_hit": 40.0, "deadlocks": 5.0})
    interval = between(before, after, 10)
    assert (interval.blocks_hit, interval.deadlocks) == (40, 2)


# Thresholds


def test_ones_own_limits_lie_over_the_shipped_ones() -> None:
    own = parse_thresholds('[maxwait]\nwarning = "100ms"\n[deadlocks]\nreason = "known"\n', "mine", SHIPPED)
    assert (own["maxwait"].warning, own["maxwait"].critical) == (0.1, None)
    assert own["maxwait"].reason == SHIPPED["maxwait"].reason
    assert own["deadlocks"].severity(99) is None
    assert own["hit_ratio"] == SHIPPED["hit_ratio"]


@pytest.mark.parametrize(
    ("text", "problem", "remedy"),
    [
        ("[maxwiat]\nwarning = '1s'", "unknown key `$.maxwiat`", "`maxwait`"),
        ("[maxwait]\nwarnign = '1s'", "unknown key `$.maxwait.warnign`", "`warning`"),
        ("[maxwait]\nwarning = 1", "`$.maxwait.warning`: expected a duration", "unit"),
        ("[hit_ratio]\nwarning = 0.9", "expected a share", "unit"),
        ("[waiting_clients]\nwarning = '10'", "expected a whole number", "shipped"),
        ("[maxwait]\nwarning = '5s'\ncritical = '1s'", "is reached before `warning`", "Exchange"),
        ("[hit_ratio]\nwarning = '90%'\ncritical = '95%'", "is reached before `warning`", "Exchange"),
        ("[maxwait]\nreason = ''", "is no text", "Say why"),
        ("maxwait = '1s'", "`$.maxwait` is no table", "[maxwait]"),
        ("[maxwait", "not valid TOML", "syntax"),
    ],
)
def test_a_mistake_is_named_with_its_path_and_cure(text: str, problem: str, remedy: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        parse_thresholds(text, "mine.toml", SHIPPED)
    assert problem in caught.value.problem
    assert "mine.toml" in caught.value.problem
    assert remedy in caught.value.remedy
