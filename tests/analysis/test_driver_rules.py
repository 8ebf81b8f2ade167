"""Rules about the driver: every band, and what is measured told from what is only known."""

from __future__ import annotations

from typing import Any

import pytest

from tests.analysis.rules import found, one_treatment, only, severity
from tests.analysis.synthetic import LOOKUP, pooler_facts, scenario, server_facts, statement, worker_facts


def _counted(server_s: float, round_trips: int = 1) -> dict[str, Any]:
    """Facts of 2,000 operations that execute for ``server_s`` in all."""
    return {
        "server": server_facts(scenario(), [statement(LOOKUP, 2000, server_s)]),
        "pooler": pooler_facts(scenario(), {"total_query_count": 2000 * round_trips, "total_wait_time": 0}),
    }


@pytest.mark.parametrize(("server_s", "expected"), [(19.0, "info"), (10.2, "info"), (9.8, "warning"), (1.0, "warning")])
def test_statement_cache_off_is_stated_with_the_time_outside_execution(server_s: float, expected: str) -> None:
    """Each of the 2,000 operations takes 10 ms, 20 s in all."""
    analysis = one_treatment(facts=_counted(server_s), base={"statement_cache": 0})
    finding = only(analysis, "statement-cache-off")
    assert (finding.severity, finding.status) == (expected, "measured")
    assert finding.patch is not None
    assert finding.patch.text == "[pool]\nstatement_cache = 100\n"


def test_statement_cache_off_without_counters_is_a_rule_of_thumb() -> None:
    assert only(one_treatment(base={"statement_cache": 0}), "statement-cache-off").status == "rule of thumb"


@pytest.mark.parametrize("base", [{}, {"driver": "pgbench", "statement_cache": 0}])
def test_a_cache_that_is_on_or_nobody_s_is_left_alone(base: dict[str, Any]) -> None:
    assert not found(one_treatment(base=base), "statement-cache-off")


@pytest.mark.parametrize(
    ("version", "mode", "kept", "cache", "rule"),
    [
        ("PgBouncer 1.20.1", "transaction", 0, 100, "old-pgbouncer"),
        ("PgBouncer 1.20.1", "transaction", 0, 0, "old-pgbouncer"),
        ("PgBouncer 1.20.1", "session", 0, 100, None),
        ("PgBouncer 1.21.0", "transaction", 200, 100, None),
        ("PgBouncer 1.21.0", "transaction", 0, 100, "old-pgbouncer"),
        ("PgBouncer 1.25.2", "transaction", 0, 0, None),
        ("PgBouncer 1.25.2", "transaction", 200, 0, "statement-cache-off"),
        ("no version at all", "transaction", 200, 100, None),
    ],
)
def test_statements_that_nobody_keeps_are_one_finding_with_the_right_cause(
    version: str, mode: str, kept: int, cache: int, rule: str | None
) -> None:
    pooler = pooler_facts(scenario(), {}, version=version, mode=mode, max_prepared_statements=kept)
    analysis = one_treatment(facts={"pooler": pooler}, base={"statement_cache": cache})
    rules = [one.rule for one in analysis.findings if one.rule in ("old-pgbouncer", "statement-cache-off")]
    assert rules == ([rule] if rule else [])


@pytest.mark.parametrize(
    ("facts", "expected", "status"),
    [
        (_counted(1.0, 3), "warning", "measured"),
        (_counted(1.0, 1), "info", "rule of thumb"),
        ({}, "info", "rule of thumb"),
    ],
)
def test_autocommit_off_counts_the_round_trips(facts: dict[str, Any], expected: str, status: str) -> None:
    finding = only(one_treatment(facts=facts, base={"driver": "psycopg", "autocommit": False}), "autocommit-off")
    assert (finding.severity, finding.status) == (expected, status)


@pytest.mark.parametrize("base", [{"driver": "psycopg"}, {"autocommit": False}])
def test_autocommit_is_a_question_for_psycopg_only(base: dict[str, Any]) -> None:
    assert not found(one_treatment(base=base), "autocommit-off")


def test_transactions_need_their_begin_and_commit() -> None:
    operations = [{"name": "both", "step": [{"sql": "SELECT 1"}, {"sql": "SELECT 2"}]}]
    analysis = one_treatment(operations=operations, base={"driver": "psycopg", "autocommit": False})
    assert not found(analysis, "autocommit-off")


@pytest.mark.parametrize(("opened", "expected"), [(0, None), (1, None), (3, "info"), (19, "info"), (25, "warning")])
def test_recycled_connections_are_set_beside_the_operations(opened: int, expected: str | None) -> None:
    """About 2,000 operations lie in a window."""
    facts = {"workers": (worker_facts(scenario(), connections_opened=opened),)}
    analysis = one_treatment(facts=facts, base={"max_queries": 100})
    assert severity(analysis, "connections-recycled") == expected
    if expected:
        patch = only(analysis, "connections-recycled").patch
        assert patch is not None
        assert (patch.text, patch.rollback) == ("[pool]\nmax_queries = 50000\n", "[pool]\nmax_queries = 100\n")


def test_connections_that_open_on_demand_are_not_recycled() -> None:
    facts = {"workers": (worker_facts(scenario(), connections_opened=25),)}
    assert not found(one_treatment(facts=facts, base={"prewarm": False}), "connections-recycled")
