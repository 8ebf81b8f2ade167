"""Rules about pools: every band of every threshold, and one finding for one situation."""

from __future__ import annotations

from typing import Any

import pytest

from bench.analysis.findings.pool.mode_hazard import hazards
from tests.analysis.rules import found, one_treatment, only, severity
from tests.analysis.synthetic import gauge, pooler_facts, scenario, server_facts, statement, worker_facts

CLASSIFIED = ("PO01-queue", "PO02-overload", "pooler-saturated", "generator-saturated", "machine-saturated")


def _server(cpu_s: float, **changes: Any) -> dict[str, Any]:
    return {"server": server_facts(scenario(), cpu_s=cpu_s, **changes)}


# PO01 and its rivals


@pytest.mark.parametrize(
    ("rule", "facts"),
    [
        ("PO01-queue", _server(0.5)),
        ("PO02-overload", _server(7.0)),
        ("pooler-saturated", {**_server(0.5), "pooler": pooler_facts(scenario(), {}, cpu_s=1.9)}),
        ("generator-saturated", {**_server(0.5), "workers": (worker_facts(scenario(), cpu_s=1.9, clients=40),)}),
        ("machine-saturated", {**_server(6.2), "workers": (worker_facts(scenario(), cpu_s=1.5, clients=40),)}),
    ],
)
def test_one_situation_gets_one_finding(rule: str, facts: dict[str, Any]) -> None:
    analysis = one_treatment(40, facts=facts)
    assert [finding.rule for finding in analysis.findings if finding.rule in CLASSIFIED] == [rule]
    finding = only(analysis, rule)
    assert finding.evidence["bottleneck"] in rule.replace("queue", "pool").replace("overload", "server")
    assert (finding.patch is not None) == (rule == "PO01-queue")


@pytest.mark.parametrize(
    ("clients", "expected"), [(10, None), (11, None), (12, "warning"), (19, "warning"), (21, "high"), (40, "high")]
)
def test_po01_needs_a_wait_beyond_a_tenth_of_the_response_time(clients: int, expected: str | None) -> None:
    """With 10 connections, n clients wait for (n - 10) / n of their response time."""
    assert severity(one_treatment(clients, facts=_server(0.5)), "PO01-queue") == expected


@pytest.mark.parametrize(("budget", "expected"), [("400ms", None), ("200ms", "warning"), ("50ms", "high")])
def test_po01_sets_the_wait_beside_the_budget_where_there_is_one(budget: str, expected: str | None) -> None:
    """40 clients on 10 connections that are held for 10 ms wait for 30 ms."""
    analysis = one_treatment(40, facts=_server(0.5), budgets=[f"p95 < {budget}"])
    assert severity(analysis, "PO01-queue") == expected


@pytest.mark.parametrize(
    ("cpu_s", "size"),
    [(0.1, 40), (3.3, 24)],  # the clients are the limit; then the server, which can do twice as much
)
def test_po01_asks_for_what_littles_law_does_up_to_the_next_limit(cpu_s: float, size: int) -> None:
    quiet = (worker_facts(scenario(), cpu_s=0.05, clients=40),)
    finding = only(one_treatment(40, facts={**_server(cpu_s), "workers": quiet}), "PO01-queue")
    assert finding.patch is not None
    assert finding.patch.text == f"[pool]\nsize = {size}\n"
    assert finding.patch.rollback == "[pool]\nsize = 10\n"
    assert finding.status == "measured"


def test_po01_names_the_pooler_where_the_clients_wait_there() -> None:
    """Each of the 2,000 operations waits 6 of its 10 ms inside pgBouncer."""
    stats = {"total_wait_time": 12_000_000, "total_server_assignment_count": 2000}
    facts = {**_server(0.5), "pooler": pooler_facts(scenario(), stats, pool_size=4)}
    finding = only(one_treatment(facts=facts, pooler={"kind": "pgbouncer", "size": 4}), "PO01-queue")
    assert finding.patch is not None
    assert finding.patch.text.startswith("[pooler]\nsize = ")


def test_po01_is_no_more_than_a_rule_of_thumb_where_the_servers_cpu_is_unknown() -> None:
    finding = only(one_treatment(40), "PO01-queue")
    assert finding.status == "rule of thumb"
    assert "look at it first" in finding.remedy


@pytest.mark.parametrize(("opened", "first"), [(0, "Send fewer"), (100, "Send fewer"), (2000, "Keep connections")])
def test_a_saturated_pooler_is_told_to_shake_hands_less_where_operations_reconnect(opened: int, first: str) -> None:
    """2,000 operations in each window."""
    workers = (worker_facts(scenario(), clients=40, connections_opened=opened),)
    facts = {**_server(0.5), "pooler": pooler_facts(scenario(), {}, cpu_s=1.9), "workers": workers}
    finding = only(one_treatment(40, facts=facts), "pooler-saturated")
    assert finding.summary.startswith("pgBouncer's thread is saturated: it used 95 %")
    assert finding.remedy.startswith(first)
    assert "so_reuseport" in finding.remedy


@pytest.mark.parametrize(("cpu_s", "expected"), [(6.3, None), (6.5, "warning")])
def test_po02_never_advises_a_bigger_pool(cpu_s: float, expected: str | None) -> None:
    """Of 4 cores for 2 s, 80 % are 6.4 s."""
    statements = [statement("select slow()", 100, 7.0), statement("select quick()", 100, 0.1)]
    facts = {"server": server_facts(scenario(), statements, cpu_s=cpu_s)}
    analysis = one_treatment(40, facts=facts)
    assert severity(analysis, "PO02-overload") == expected
    if expected:
        finding = only(analysis, "PO02-overload")
        assert finding.remedy.startswith("Do not raise the pool")
        assert finding.evidence["most_costly_statement"] == ["select slow(): 7 s"]


# PO04 and PO05


@pytest.mark.parametrize(
    ("most", "expected"),
    [("200", None), ("33", None), ("32", "warning"), ("23", "warning"), ("22", "high")],
)
def test_po04_compares_pools_and_direct_connections_with_what_the_server_gives(most: str, expected: str | None) -> None:
    """20 connections of the pool, 10 direct ones, 3 reserved."""
    analysis = one_treatment(20, 20, run={"settings": {"max_connections": most}})
    assert severity(analysis, "PO04-capacity") == expected
    if expected:
        patch = only(analysis, "PO04-capacity").patch
        assert patch is not None
        assert patch.text == "max_connections = 40\n"
        assert patch.rollback == f"max_connections = {most}\n"


def test_po04_counts_the_poolers_reserve_and_says_nothing_without_settings() -> None:
    facts = {"pooler": pooler_facts(scenario(), {}, settings={"reserve_pool_size": "5"})}
    settings = {"max_connections": "34"}
    assert severity(one_treatment(20, 20, run={"settings": settings}), "PO04-capacity") is None
    assert severity(one_treatment(20, 20, facts=facts, run={"settings": settings}), "PO04-capacity") == "warning"
    assert severity(one_treatment(20, 200), "PO04-capacity") is None


@pytest.mark.parametrize(
    ("most", "expected"),
    [("0", None), ("100", None), ("13", None), ("12", "warning"), ("10", "warning"), ("9", "high")],
)
def test_po05_compares_the_pools_with_the_clients_that_the_pooler_takes(most: str, expected: str | None) -> None:
    facts = {"pooler": pooler_facts(scenario(), {}, settings={"max_client_conn": most})}
    assert severity(one_treatment(facts=facts), "PO05-client-cap") == expected


def test_po05_knows_nothing_of_a_pooler_whose_settings_were_not_read() -> None:
    assert not found(one_treatment(facts={"pooler": pooler_facts(scenario(), {})}), "PO05-client-cap")


# PO06 to PO08


@pytest.mark.parametrize(
    ("parsed", "bound", "expected"),
    [(0, 2000, None), (200, 2000, None), (201, 2000, "info"), (1000, 2000, "info"), (1001, 2000, "warning"),
     (99, 99, None)],
)  # fmt: skip
def test_po06_is_the_share_of_executions_that_the_server_had_to_parse(
    parsed: int, bound: int, expected: str | None
) -> None:
    stats = {"total_server_parse_count": parsed, "total_client_parse_count": 4, "total_bind_count": bound}
    statements = [statement(f"select {'x' * n}", 10, 0.1) for n in range(1, 121)]
    facts = {
        "pooler": pooler_facts(scenario(), stats, max_prepared_statements=50),
        "server": server_facts(scenario(), statements),
    }
    analysis = one_treatment(facts=facts)
    assert severity(analysis, "PO06-ps-miss") == expected
    if expected:
        patch = only(analysis, "PO06-ps-miss").patch
        assert patch is not None
        assert patch.text == "max_prepared_statements = 240\n"


def test_po06_has_no_patch_where_the_statements_fit() -> None:
    stats = {"total_server_parse_count": 2000, "total_client_parse_count": 0, "total_bind_count": 2000}
    facts = {"pooler": pooler_facts(scenario(), stats, max_prepared_statements=200), **_server(0.5)}
    finding = only(one_treatment(facts=facts), "PO06-ps-miss")
    assert finding.patch is None
    assert "something else drops them" in finding.remedy


@pytest.mark.parametrize(
    ("timeout", "size", "expected"),
    [("1", 4, None), ("2", 4, "info"), ("120", 4, "info"), ("0", 4, "info"), ("120", 10, None)],
)
def test_po07_compares_the_longest_wait_with_ten_budgets_where_somebody_may_wait(
    timeout: str, size: int, expected: str | None
) -> None:
    pooler = pooler_facts(scenario(), {}, pool_size=size, settings={"query_wait_timeout": timeout})
    analysis = one_treatment(facts={"pooler": pooler}, budgets=["p95 < 100ms"])
    assert severity(analysis, "PO07-wait-timeout") == expected
    if expected:
        finding = only(analysis, "PO07-wait-timeout")
        assert finding.status == "rule of thumb"
        assert finding.patch is not None
        assert finding.patch.text == "query_wait_timeout = 1\n"


def test_po07_needs_a_budget() -> None:
    pooler = pooler_facts(scenario(), {}, pool_size=4, settings={"query_wait_timeout": "120"})
    assert not found(one_treatment(facts={"pooler": pooler}), "PO07-wait-timeout")


@pytest.mark.parametrize(
    ("replaced", "expected"), [(None, None), (0, None), (1, None), (2, "info"), (9, "info"), (10, "warning")]
)
def test_po08_counts_the_server_connections_that_others_replaced(replaced: int | None, expected: str | None) -> None:
    pooler = pooler_facts(
        scenario(), {}, pool_size=20, servers_replaced=replaced, gauges=(gauge(1, 5),),
        settings={"server_lifetime": "2", "server_idle_timeout": "600"},
    )  # fmt: skip
    analysis = one_treatment(facts={"pooler": pooler})
    assert severity(analysis, "PO08-churn") == expected
    if expected:
        patch = only(analysis, "PO08-churn").patch
        assert patch is not None
        assert (patch.text, patch.rollback) == ("server_lifetime = 3600\n", "server_lifetime = 2\n")


# PO09


@pytest.mark.parametrize(
    ("sql", "names"),
    [
        ("SET statement_timeout = '1s'", ["session SET"]),
        ("set session work_mem = '8MB'", ["session SET"]),
        ("SET LOCAL work_mem = '8MB'", []),
        ("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", []),
        ("SELECT set_config('app.tenant_id', $1, false)", ["set_config for the session"]),
        ("SELECT set_config('app.tenant_id', $1, true)", []),
        ("LISTEN quotes", ["LISTEN"]),
        ("SELECT pg_advisory_lock($1)", ["session advisory lock"]),
        ("SELECT pg_try_advisory_lock_shared($1)", ["session advisory lock"]),
        ("SELECT pg_advisory_xact_lock($1)", []),
        ("PREPARE a AS SELECT 1", ["SQL PREPARE"]),
        ("CREATE TEMP TABLE t (x int)", ["temporary table"]),
        ("CREATE TEMPORARY TABLE t (x int) ON COMMIT DROP", []),
        ("DECLARE c CURSOR WITH HOLD FOR SELECT 1", ["cursor WITH HOLD"]),
        ("UPDATE t SET x = 1", []),
        ("SELECT 'LISTEN', 'pg_advisory_lock(1)' -- pg_advisory_lock(1)", []),
    ],
)
def test_po09_knows_what_a_statement_leaves_in_its_session(sql: str, names: list[str]) -> None:
    assert hazards(sql) == names


@pytest.mark.parametrize(("mode", "expected"), [("transaction", "high"), ("statement", "high"), ("session", None)])
def test_po09_speaks_where_connections_change_hands(mode: str, expected: str | None) -> None:
    operations = [{"name": "locked", "sql": "SELECT pg_advisory_lock(1)"}]
    analysis = one_treatment(operations=operations, pooler={"kind": "pgbouncer", "mode": mode})
    assert severity(analysis, "PO09-mode-hazard") == expected
