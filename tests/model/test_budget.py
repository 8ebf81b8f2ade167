from __future__ import annotations

import re

import pytest

from bench.model.budget import parse_budget
from bench.model.errors import ScenarioError
from bench.model.scenario_text import Overrides, decode, parse_scenario, read_raw

SCENARIO = """
name = "two"
load = { model = "closed", clients = 2 }
budgets = ["p95 < 1s"]
[[operation]]
name = "lookup"
sql = "SELECT 1"
[[operation]]
name = "change"
step = [{ sql = "UPDATE t SET a = 1" }]
"""


@pytest.mark.parametrize(
    ("text", "metric", "comparator", "limit", "unit", "operation"),
    [
        ("p95(response_time) < 100ms", "response_time.p95", "<", 0.1, "s", "*"),
        ("p99(pool_wait)<5ms", "pool_wait.p99", "<", 0.005, "s", "*"),
        ("lookup: p95 <= 2ms", "response_time.p95", "<=", 0.002, "s", "lookup"),
        ("error_rate < 0.1%", "error_rate", "<", 0.001, "1", "*"),
        ("throughput > 5000/s", "throughput", ">", 5000.0, "1/s", "*"),
        ("buffers(base_rate) <= 8", "buffers", "<=", 8.0, "blocks", "base_rate"),
        ("buffers <= 8 blocks", "buffers", "<=", 8.0, "blocks", "*"),
        ("partitions(audit_search) <= 1", "partitions", "<=", 1.0, "partitions", "audit_search"),
        ("plan(base_rate) uses ix_rates", "plan", ">=", 1.0, "1", "base_rate"),
    ],
)
def test_budgets_are_read(text: str, metric: str, comparator: str, limit: float, unit: str, operation: str) -> None:
    budget = parse_budget(text)
    assert (budget.metric, budget.comparator, budget.unit, budget.operation) == (metric, comparator, unit, operation)
    assert budget.limit == pytest.approx(limit)
    assert budget.index == ("ix_rates" if metric == "plan" else "")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("p95(respons_time) < 1s", "did you mean 'response_time'"),
        ("p95(lookup) < 1s", "for one operation write 'lookup: p95 < 1s'"),
        ("trougput > 1/s", "did you mean 'throughput'"),
        ("bufers(x) <= 8", "did you mean 'buffers'"),
        ("buffers(x) <= 8ms", "expected a number of blocks"),
        ("partitions(x) <= 2 blocks", "expected a number of partitions"),
        ("p95 < 100", "no unit"),
        ("throughput > 5000", "no unit"),
        ("error_rate < 0.1", "no unit"),
        ("index(x) uses y", "did you mean 'plan'"),
        ("plan(x) uses", "is not a budget"),
        ("lookup: buffers(other) <= 8", "a budget of two operations"),
        ("p95 ~ 1s", "is not a budget"),
    ],
)
def test_what_is_no_budget_is_refused_with_the_nearest_name(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        parse_budget(text)


def test_what_is_counted_by_operation_is_a_budget_of_each() -> None:
    raw = Overrides(budgets=("buffers <= 8", "partitions <= 1")).apply(read_raw(SCENARIO, "test"), "test")
    found = [(budget.text, budget.operation) for budget in decode(raw, "test").all_budgets]
    assert found == [
        ("p95 < 1s", "*"),
        ("buffers <= 8", "lookup"),
        ("buffers <= 8", "change"),
        ("partitions <= 1", "lookup"),
    ]


@pytest.mark.parametrize(
    ("budget", "words"),
    [
        ("buffers(lokup) <= 8", "did you mean 'lookup'"),
        ("lokup: p95 < 1s", "did you mean 'lookup'"),
        ("plan(change) uses ix", "only single SELECTs are explained"),
        ("partitions(change) <= 1", "only single SELECTs are explained"),
    ],
)
def test_a_budget_that_could_never_be_judged_is_refused_with_the_scenario(budget: str, words: str) -> None:
    with pytest.raises(ScenarioError, match=words):
        parse_scenario(SCENARIO.replace("p95 < 1s", budget))


def test_a_budget_of_an_operation_may_not_name_another() -> None:
    with pytest.raises(ScenarioError, match="a budget of two operations"):
        parse_scenario(SCENARIO.replace('sql = "SELECT 1"', 'sql = "SELECT 1"\nbudget = ["buffers(change) <= 8"]'))


def test_budgets_of_the_command_line_are_kept_beside_the_scenarios_own() -> None:
    quick, typed = Overrides({"pool.size": 3}, {}, ("p50 < 1s",)), Overrides(budgets=("p99 < 2s",))
    scenario = decode(quick.then(typed).apply(read_raw(SCENARIO, "test"), "test"), "test")
    assert scenario.budgets == ("p95 < 1s", "p50 < 1s", "p99 < 2s")
