from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.analysis.measurement import Measurement
from bench.analysis.verdict import judge, judge_lines, sum_up
from bench.model.budget import parse_budget
from bench.model.facts import Caveat
from bench.stats.estimate import Estimate, Refused
from tests.analysis.synthetic import scenario

if TYPE_CHECKING:
    from bench.analysis.measurement import Line

TREATMENT = {"pool.size": 10, "load.clients": 10}


def measured(metric: str, low: float, point: float, high: float, **changes: Any) -> Measurement:
    unit = "s" if "." in metric else "1/s"
    plain: dict[str, Any] = {
        "treatment": TREATMENT,
        "operation": "*",
        "valid": True,
        "caveats": (),
        "metrics": {metric: Estimate(point, low, high, 0.95, 5, unit)},
        "outcomes": {"ok": 10_000},
    }
    return Measurement(**{**plain, **changes})


def line(budget: str, measurement: Measurement) -> Line:
    (only,) = judge_lines([measurement], [parse_budget(budget)])
    return only


@pytest.mark.parametrize(
    ("budget", "low", "point", "high", "verdict"),
    [
        ("p95 < 100ms", 0.08, 0.09, 0.099, "pass"),
        ("p95 < 100ms", 0.08, 0.09, 0.1, "inconclusive"),
        ("p95 <= 100ms", 0.08, 0.09, 0.1, "pass"),
        ("p95 < 100ms", 0.09, 0.11, 0.12, "inconclusive"),
        ("p95 < 100ms", 0.101, 0.11, 0.12, "fail"),
        ("p95 < 100ms", 0.989, 0.989, 0.989, "fail"),
        ("p95 > 100ms", 0.101, 0.11, 0.12, "pass"),
    ],
)
def test_the_whole_interval_must_keep_or_break_the_budget(
    budget: str, low: float, point: float, high: float, verdict: str
) -> None:
    found = line(budget, measured("response_time.p95", low, point, high))
    assert found.verdict == verdict
    assert found.observed is not None
    if verdict == "inconclusive":
        assert "lies inside the interval" in found.reason


def test_a_lower_limit_is_judged_the_other_way_round() -> None:
    assert line("throughput > 5000/s", measured("throughput", 5100, 5200, 5300)).verdict == "pass"
    assert line("throughput > 5000/s", measured("throughput", 4100, 4200, 4300)).verdict == "fail"


@given(
    st.floats(1e-4, 10), st.floats(0, 1), st.floats(0, 1), st.floats(1e-4, 10), st.sampled_from(["<", "<=", ">", ">="])
)
def test_a_line_passes_only_if_both_ends_keep_the_budget(
    low: float, step: float, more: float, limit: float, comparator: str
) -> None:
    point, high = low + step, low + step + more
    budget = parse_budget(f"p50 {comparator} {limit:.9f}s")
    (found,) = judge_lines([measured("response_time.p50", low, point, high)], [budget])
    assert (found.verdict == "pass") == (budget.holds(low) and budget.holds(high))
    assert (found.verdict == "fail") == (not budget.holds(low) and not budget.holds(high))


def test_an_invalid_measurement_never_passes_and_never_fails() -> None:
    caveat = Caveat(code="littles-law", text="…", cure="…", invalidates=True)
    for high in (0.01, 1.0):
        found = line("p95 < 100ms", measured("response_time.p95", 0.005, 0.006, high, valid=False, caveats=(caveat,)))
        assert found.verdict == "inconclusive"
        assert "littles-law" in found.reason


def test_a_refused_or_missing_metric_is_inconclusive_with_its_reason() -> None:
    refused = {"response_time.p99": Refused("p99 at level 0.95 needs 299 samples, there are 12", 12, 299)}
    one = measured("throughput", 1, 1, 1, refused=refused)
    assert line("p99 < 1s", one).reason == "p99 at level 0.95 needs 299 samples, there are 12"
    assert line("p95(pool_wait) < 1s", one).verdict == "inconclusive"
    assert line("p95(pool_wait) < 1s", one).observed is None


@pytest.mark.parametrize(
    ("budget", "unanswered", "verdict"),
    [
        ("p95 < 100ms", 0, "pass"),
        ("p95 < 100ms", 40, "pass"),
        ("p95 < 100ms", 100, "inconclusive"),
        ("p95 < 100ms", 490, "inconclusive"),
        ("p95 < 100ms", 600, "fail"),
        ("p99 < 100ms", 40, "inconclusive"),
        ("p99 < 100ms", 200, "fail"),
        ("mean < 100ms", 5, "pass"),
        ("mean < 100ms", 20, "inconclusive"),
        ("max < 100ms", 1, "inconclusive"),
    ],
)
def test_latencies_of_the_answered_do_not_pass_for_the_unanswered(budget: str, unanswered: int, verdict: str) -> None:
    """Of 10,000 operations some were never answered: above 5 % the p95 of all has no bound."""
    metric = parse_budget(budget).metric
    outcomes = {"ok": 10_000 - unanswered, "not_sent": unanswered}
    found = line(budget, measured(metric, 0.01, 0.02, 0.03, outcomes=outcomes))
    assert found.verdict == verdict
    assert verdict == "pass" or "never got an answer" in found.reason


def test_a_latency_that_nobody_got_fails_rather_than_stays_open() -> None:
    refused = {"response_time.p95": Refused("a trial has no operation that ended well", 0, 1)}
    none = measured("throughput", 1, 1, 1, refused=refused, outcomes={"not_sent": 900, "ok": 5})
    assert line("p95 < 100ms", none).verdict == "fail"
    caveat = Caveat(code="littles-law", text="…", cure="…", invalidates=True)
    invalid = measured("throughput", 1, 1, 1, outcomes={"not_sent": 9}, valid=False, caveats=(caveat,))
    assert line("p95 < 100ms", invalid).verdict == "inconclusive"


def test_errors_that_were_answered_do_not_bear_on_latency_budgets() -> None:
    outcomes = {"ok": 9000, "serialization": 1000}
    assert line("p95 < 100ms", measured("response_time.p95", 0.01, 0.02, 0.03, outcomes=outcomes)).verdict == "pass"


def test_a_failing_latency_fails_whatever_was_left_unanswered() -> None:
    outcomes = {"ok": 9990, "unfinished": 10}
    assert line("p99 < 100ms", measured("response_time.p99", 0.2, 0.3, 0.4, outcomes=outcomes)).verdict == "fail"


def test_a_budget_of_an_operation_that_was_not_measured_is_not_passed_over() -> None:
    (found,) = judge_lines([measured("throughput", 1, 1, 1)], [parse_budget("p95 < 1s", "missing")])
    assert found.verdict == "inconclusive"
    assert "missing" in found.reason


def test_reported_figures_can_fail_by_their_own_account_but_never_pass() -> None:
    claim = (Caveat(code="reported", text="…", cure="…"),)
    invalid = measured("response_time.p95", 0.989, 0.989, 0.989, caveats=claim, valid=False)
    assert line("p95 < 100ms", invalid).verdict == "fail"
    assert line("p95 < 1s", invalid).verdict == "inconclusive"


def test_only_lines_that_count_decide() -> None:
    budgets = scenario(budgets=["p95 < 100ms"])
    good = measured("response_time.p95", 0.01, 0.02, 0.03)
    bad = measured("response_time.p95", 0.2, 0.3, 0.4, treatment={"pool.size": 1, "load.clients": 10})
    verdict = judge([good, bad], budgets, [TREATMENT])
    assert verdict.verdict == "pass"
    assert [(each.verdict, each.counts) for each in verdict.lines] == [("pass", True), ("fail", False)]
    assert judge([good, bad], budgets).verdict == "fail"


def test_nothing_to_judge_is_no_pass() -> None:
    good = measured("response_time.p95", 0.01, 0.02, 0.03)
    assert judge([good], scenario()).verdict == "inconclusive"
    assert judge([], scenario(budgets=["p95 < 100ms"])).verdict == "inconclusive"
    assert judge([good], scenario(budgets=["p95 < 100ms"]), counted=[]).verdict == "inconclusive"


@pytest.mark.parametrize(
    ("verdicts", "whole"),
    [
        (["pass", "pass"], "pass"),
        (["pass", "inconclusive"], "inconclusive"),
        (["pass", "inconclusive", "fail"], "fail"),
        ([], "inconclusive"),
    ],
)
def test_the_worst_line_decides(verdicts: list[Any], whole: str) -> None:
    assert sum_up(verdicts) == whole


def test_operations_have_budgets_of_their_own() -> None:
    treated = scenario(
        operations=[
            {"name": "read", "sql": "select 1", "budget": ["p95 < 10ms"]},
            {"name": "write", "sql": "select 2"},
        ]
    )
    both = [measured("response_time.p95", 0.02, 0.02, 0.03, operation=name) for name in ("*", "read", "write")]
    assert [(each.operation, each.verdict) for each in judge(both, treated).lines] == [("read", "fail")]
