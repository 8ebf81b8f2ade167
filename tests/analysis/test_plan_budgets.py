from __future__ import annotations

from typing import Any

import msgspec
import pytest

from bench.analysis.buffers import count_buffers
from bench.analysis.measure import combine
from bench.analysis.plan_budgets import judge_plans
from bench.analysis.verdict import judge_lines
from bench.model.budget import parse_budget
from bench.stats.estimate import Refused
from tests.analysis.plan_facts import append, plan, scan
from tests.analysis.synthetic import LOOKUP, scenario, server_facts, statement, summary_of, treatment_of


def test_every_plan_must_use_the_index() -> None:
    budget = parse_budget("plan(lookup) uses ix_rates")
    used, other, none = scan("rates", "ix_rates"), scan("rates", "ix_other"), scan("rates")
    assert judge_plans(budget, [plan(used, "a"), plan(used, "b")]).verdict == "pass"
    mixed = judge_plans(budget, [plan(used, "a"), plan(other, "b")])
    assert (mixed.verdict, mixed.observed and mixed.observed.point) == ("fail", 0.5)
    assert "1 of 2 plans do without ix_rates: index ix_other" in mixed.reason
    assert "Seq Scan on rates" in judge_plans(budget, [plan(none)]).reason


def test_an_index_that_was_never_read_is_not_used() -> None:
    never = scan("rates", "ix_rates", loops=0)
    assert judge_plans(parse_budget("plan(lookup) uses ix_rates"), [plan(append(never))]).verdict == "fail"


def test_a_pattern_stands_for_the_indexes_of_partitions() -> None:
    two = append(scan("log_01", "log_01_actor_idx"), scan("log_02", "log_02_actor_idx"))
    assert judge_plans(parse_budget("plan(lookup) uses log_*_actor_idx"), [plan(two)]).verdict == "pass"


@pytest.mark.parametrize(
    ("root", "scanned"),
    [
        (scan("log_01"), 1),
        (append(scan("log_01"), scan("log_02")), 2),
        (append(scan("log_01"), scan("log_02", loops=0), scan("log_03", loops=0)), 1),
        ({"Node Type": "Limit", "Actual Loops": 1, "Plans": [append(scan("a"), scan("b"), scan("c"))]}, 3),
    ],
)
def test_partitions_are_those_that_are_really_scanned(root: dict[str, Any], scanned: int) -> None:
    line = judge_plans(parse_budget("partitions(lookup) <= 1"), [plan(root)])
    assert line.observed is not None
    assert line.observed.point == scanned
    assert line.verdict == ("pass" if scanned == 1 else "fail")


def test_without_a_plan_nothing_passes() -> None:
    for text in ("plan(lookup) uses ix", "partitions(lookup) <= 1"):
        line = judge_plans(parse_budget(text), [])
        assert (line.verdict, line.reason) == ("inconclusive", "no plan of 'lookup' was recorded")


def test_a_plan_has_one_line_for_the_whole_run() -> None:
    lines = judge_lines([], [parse_budget("plan(lookup) uses ix_rates")], [plan(scan("rates", "ix_rates"))])
    assert [(line.treatment, line.verdict) for line in lines] == [({}, "pass")]


def _blocks(hit: int, read: int, calls: int = 100, query: str = LOOKUP) -> Any:
    return msgspec.structs.replace(statement(query, calls, 0.1), shared_blks_hit=hit, shared_blks_read=read)


def test_buffers_are_blocks_found_or_read_by_execution() -> None:
    treated = scenario()
    summary = summary_of(treated, server=server_facts(treated, [_blocks(250, 50), _blocks(9, 9, query="BEGIN")]))
    assert count_buffers(summary, "lookup") == count_buffers(summary, "*") == 3.0


def test_the_buffers_of_a_transaction_are_those_of_all_its_statements() -> None:
    steps = [{"sql": "SELECT a FROM t WHERE b = 1"}, {"sql": "UPDATE t SET a = 2"}]
    treated = scenario(operations=[{"name": "both", "step": steps}])
    rows = [_blocks(200, 0, query="SELECT a FROM t WHERE b = $1"), _blocks(500, 0, query="UPDATE t SET a = $1")]
    assert count_buffers(summary_of(treated, server=server_facts(treated, rows)), "both") == 7.0


@pytest.mark.parametrize(
    ("operations", "server", "name", "words"),
    [
        (("a", "b"), "read", "*", "each operation by itself"),
        (("a", "b"), "read", "a", "shares a statement"),
        (("a",), "", "a", "were not read"),
        (("a",), "read", "a", "do not hold its statements"),
    ],
)
def test_buffers_that_cannot_be_told_are_refused(
    operations: tuple[str, ...],
    server: str,
    name: str,
    words: str,
) -> None:
    treated = scenario(operations=[{"name": one, "sql": "SELECT 1"} for one in operations])
    summary = summary_of(treated, server=server_facts(treated, [])) if server else summary_of(treated)
    refused = count_buffers(summary, name)
    assert isinstance(refused, Refused)
    assert words in refused.reason


def test_a_budget_on_buffers_is_judged_over_trials() -> None:
    treated = scenario()
    summaries = [
        summary_of(treated, block=block, server=server_facts(treated, [_blocks(300 + block, 0)])) for block in range(5)
    ]
    measured = combine(treatment_of(treated), summaries, ("*", "lookup"))
    (line,) = judge_lines(measured, [parse_budget("buffers(lookup) <= 4")])
    assert line.verdict == "pass"
    assert judge_lines(measured, [parse_budget("buffers(lookup) <= 2")])[0].verdict == "fail"
