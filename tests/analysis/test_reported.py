from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.analysis.analyse import analyse
from bench.analysis.reported import closed_loop_bound, measure_reported
from bench.model.facts import ReportedTrial
from tests.analysis.synthetic import codes, plan_of, run_facts, scenario

if TYPE_CHECKING:
    from bench.model.scenario import Level

AUDIT = ReportedTrial(
    treatment={"pool.driver": "asyncpg", "pool.size": 30, "load.clients": 100},
    metrics={"throughput": 5619.0, "response_time.p95": 0.989},
)


def reported(treatment: dict[str, Level] | None = None, /, **metrics: float) -> ReportedTrial:
    named = {name.replace("__", "."): value for name, value in metrics.items()}
    return ReportedTrial(treatment={"load.clients": 100, **(treatment or {})}, metrics=named)


def test_the_contradiction_to_remember_is_found_by_itself() -> None:
    """5,619/s, 100 clients, p95 989 ms, limit 100 ms: the budget fails and the figures are impossible."""
    run = run_facts(status="reported", reported=(AUDIT,))
    analysis = analyse(run, plan_of(), scenario(budgets=["p95(response_time) < 100ms"]), {}, [])
    assert analysis.verdict.verdict == "fail"
    (line,) = analysis.verdict.lines
    assert (line.verdict, line.observed.point if line.observed else None, line.limit) == ("fail", 0.989, 0.1)
    laws = [finding for finding in analysis.findings if finding.rule == "littles-law"]
    assert [finding.severity for finding in laws] == ["high"]
    assert "not possible under Little's law" in laws[0].summary
    assert "at most 2,022/s" in laws[0].summary
    assert laws[0].evidence["at_most_per_second"] == 2022
    assert "budget-missed" in {finding.rule for finding in analysis.findings}
    assert analysis.answer.headline == "No pool size was measured."


def test_reported_figures_have_no_interval_and_say_so() -> None:
    measurement = measure_reported(AUDIT)
    p95 = measurement.metrics["response_time.p95"]
    assert (p95.low, p95.point, p95.high, p95.n) == (0.989, 0.989, 0.989, 1)
    assert "reported, not measured: no interval" in measurement.caveats[0].text
    assert not measurement.valid
    assert measurement.metrics["throughput"].unit == "1/s"


def test_the_least_mean_of_a_quantile_bounds_throughput() -> None:
    bound = closed_loop_bound(AUDIT)
    assert bound is not None
    assert bound.least_mean_s == pytest.approx(0.04945)
    assert bound.cap == pytest.approx(2022, abs=0.5)


@pytest.mark.parametrize(("throughput", "possible"), [(2000, True), (2022, True), (2041, True), (2043, False)])
def test_figures_count_as_impossible_beyond_rounding(throughput: float, possible: bool) -> None:  # noqa: FBT001 - a table
    measurement = measure_reported(reported(throughput=throughput, response_time__p95=0.989))
    assert measurement.valid is possible


def test_a_mean_bounds_throughput_more_tightly_than_a_quantile() -> None:
    bound = closed_loop_bound(reported(throughput=1000, response_time__mean=0.2, response_time__p95=0.5))
    assert bound is not None
    assert (bound.metric, bound.cap) == ("response_time.mean", 500)
    assert not bound.holds


def test_think_time_lowers_the_bound() -> None:
    bound = closed_loop_bound(reported({"load.think_time": "1s"}, throughput=90, response_time__mean=0.25))
    assert bound is not None
    assert bound.cap == 80


def test_without_clients_there_is_no_bound() -> None:
    open_loop = ReportedTrial(treatment={"load.rate": 100.0}, metrics={"throughput": 1e6, "response_time.p95": 1})
    assert closed_loop_bound(open_loop) is None
    assert measure_reported(open_loop).valid


@pytest.mark.parametrize(
    ("metrics", "text"),
    [
        ({"response_time__p50": 0.2, "response_time__p95": 0.1}, "p50 200 ms is above p95 100 ms"),
        ({"response_time__mean": 0.01, "response_time__p95": 0.5}, "the least that p95 500 ms allows"),
        ({"response_time__mean": 2.0, "response_time__max": 1.0}, "above its maximum 1 s"),
    ],
)
def test_figures_that_contradict_each_other_are_impossible(metrics: dict[str, float], text: str) -> None:
    measurement = measure_reported(reported(None, **metrics))
    assert codes(measurement.caveats) == {"reported", "impossible-figures"}
    assert any(text in caveat.text for caveat in measurement.caveats)


def test_a_pool_cannot_be_more_than_fully_used() -> None:
    measurement = measure_reported(reported({"pool.size": 10}, throughput=2000, service_time__mean=0.01))
    assert codes(measurement.caveats) == {"reported", "utilisation-law"}


@given(
    st.lists(st.floats(1e-4, 2.0), min_size=20, max_size=200),
    st.integers(1, 200),
)
def test_figures_of_a_real_closed_loop_are_never_called_impossible(stays: list[float], clients: int) -> None:
    """Whatever the response times, a closed loop does exactly N / R, and its quantiles are its own."""
    ordered = sorted(stays)
    mean = sum(stays) / len(stays)
    figures = {
        f"response_time__{name}": ordered[min(len(ordered) - 1, int(q * len(ordered)))]
        for name, q in (("p50", 0.5), ("p90", 0.9), ("p95", 0.95))
    }
    trial = ReportedTrial(
        treatment={"load.clients": clients},
        metrics={
            "throughput": clients / mean,
            "response_time.mean": mean,
            **{name.replace("__", "."): value for name, value in figures.items()},
        },
    )
    assert measure_reported(trial).valid
