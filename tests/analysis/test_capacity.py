"""Which trials of an open loop pass, and the interval that a search leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest

from bench.analysis.analyse import conclude
from bench.analysis.capacity import heard_of, rate_budgets, search_rates, stand
from bench.design.plan import Plan
from tests.analysis.synthetic import MS, S, open_loop, run_facts, scenario, server_facts, summary_of, worker_facts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.analysis.analyse import Analysis
    from bench.analysis.summary import TrialSummary
    from bench.model.scenario import Scenario

LENGTH_NS = 2_500_000_000


def offered(rate: float, size: int = 4, budgets: Sequence[str] = (), **options: Any) -> Scenario:
    load = {"model": "open", "rate": f"{rate:g}/s"}
    return scenario(load=load, pool={"size": size}, pooler="none", budgets=budgets, **options)


def even(rate: float) -> list[int]:
    return [int(start) for start in np.arange(0, LENGTH_NS, S / rate)]


def trial(
    rate: float, block: int = 1, *, capacity: float = 400, budgets: Sequence[str] = (), **facts: Any
) -> TrialSummary:
    """Arrivals in step on 4 connections that serve ``capacity`` a second."""
    treated = offered(rate, budgets=budgets)
    samples = open_loop(treated, even(rate), service_ns=round(4 * S / capacity))
    return summary_of(treated, samples, block, **facts)


def test_a_rate_below_the_service_rate_passes() -> None:
    summary = trial(300)
    assert stand(summary, rate_budgets(summary.scenario)) == (True, ())


def test_a_rate_above_it_fails_with_the_queue_it_leaves() -> None:
    summary = trial(600)
    standing = stand(summary, rate_budgets(summary.scenario))
    assert standing.passed is False
    assert "400/s achieved of 600/s" in standing.reasons
    assert "response times grow throughout the window" in standing.reasons
    assert any(reason.startswith("p95(response_time) < 100ms: ") for reason in standing.reasons)


def test_a_queue_that_grows_slowly_fails_before_any_budget_is_missed() -> None:
    """At 406/s 98.5 % are achieved and nobody waits for 50 ms, but each waits longer than the one before."""
    summary = trial(406, budgets=["p95 < 1s"])
    standing = stand(summary, rate_budgets(summary.scenario))
    assert standing == (False, ("response times grow throughout the window",))


def test_operations_never_answered_are_not_passed_by_the_quick_answers_of_the_others() -> None:
    treated = offered(600, budgets=["p95 < 10s"])
    summary = summary_of(treated, open_loop(treated, even(600), service_ns=10 * MS, give_up=True))
    assert any("never answered" in text for text in stand(summary, rate_budgets(treated)).reasons)


def test_too_few_operations_leave_a_trial_unjudged() -> None:
    summary = trial(20)
    standing = stand(summary, rate_budgets(summary.scenario))
    assert standing == (None, ("too few operations for p95(response_time) < 100ms",))


def test_a_trial_that_others_spoiled_is_unjudged_and_one_that_overwhelmed_the_generator_fails() -> None:
    treated = offered(300)
    server = server_facts(treated, settings_changed={"work_mem": ("4MB", "8MB")})
    spoiled = summary_of(treated, open_loop(treated, even(300)), server=server)
    assert stand(spoiled, rate_budgets(treated)).passed is None
    late = msgspec.structs.replace(worker_facts(treated, cpu_s=1.99), loop_lag_p99_ns=50 * MS)
    samples = open_loop(treated, even(300), service_ns=MS)
    behind = type(samples)(
        **{
            name: getattr(samples, name) + (20 * MS if name.endswith("_ns") and name != "intended_ns" else 0)
            for name in type(samples).__slots__
        }
    )
    overwhelmed = summary_of(treated, behind, workers=(late,))
    assert stand(overwhelmed, rate_budgets(treated)).passed is False


def test_the_default_budgets_stand_in_where_none_limits_the_rate() -> None:
    assert [b.text for b in rate_budgets(offered(10))] == ["p95(response_time) < 100ms", "error_rate < 0.1%"]
    assert [b.text for b in rate_budgets(offered(10, budgets=["throughput > 5/s", "p50 < 1s"]))] == ["p50 < 1s"]


def test_the_search_never_goes_below_what_its_window_can_judge() -> None:
    """A p95 needs 59 operations, a p99 299; the window is 2 s."""
    assert search_rates(offered(10), 3).next_rate([]) == pytest.approx(59 * 1.3 / 2, rel=0.01)
    assert search_rates(offered(10, budgets=["p99 < 1s"]), 3).next_rate([]) == pytest.approx(299 * 1.3 / 2, rel=0.01)


def run_search(capacity: float, budgets: Sequence[str] = (), **facts: Any) -> Analysis:
    """Search as `bench capacity` does, on a queue instead of a server."""
    whole = offered(100, budgets=budgets)
    search, summaries = search_rates(whole, 3), list[Any]()
    while (rate := search.next_rate(heard_of(summaries, rate_budgets(whole)))) is not None:
        summaries.append(trial(rate, len(summaries) + 1, capacity=capacity, budgets=budgets, **facts))
    treatments = {frozenset(one.trial.treatment.items()): one.trial.treatment for one in summaries}
    plan = Plan("synthetic", (), tuple(treatments.values()), 3, 1.0, "capacity")
    return conclude(run_facts(), plan, whole, summaries, [])


def test_a_search_finds_the_service_rate_within_five_percent() -> None:
    analysis = run_search(1000)
    capacity = analysis.capacity
    assert capacity is not None
    assert capacity.low is not None
    assert capacity.high is not None
    assert capacity.low <= 1000 * 1.03
    assert capacity.high >= 1000
    assert capacity.high <= 1.05 * capacity.low
    assert (capacity.confirmed, capacity.agreed) == (3, {"low": "3 of 3", "high": "3 of 3"})
    assert analysis.answer.headline == capacity.sentence
    assert "these are the defaults" in capacity.sentence
    assert analysis.verdict.verdict == "pass"
    assert [line.budget for line in analysis.verdict.lines if line.counts] == ["throughput > 0/s"]
    assert analysis.findings[0].rule == "capacity"


@pytest.mark.parametrize(("wanted", "verdict"), [(500, "pass"), (2000, "fail")])
def test_a_budget_on_throughput_is_judged_against_the_interval(wanted: int, verdict: str) -> None:
    analysis = run_search(1000, budgets=["p95 < 100ms", f"throughput >= {wanted}/s"])
    assert analysis.verdict.verdict == verdict
    assert [line.budget for line in analysis.verdict.lines if line.counts] == [f"throughput >= {wanted}/s"]


def test_a_service_too_slow_for_any_rate_fails() -> None:
    analysis = run_search(1000, budgets=["p95 < 1ms"])
    assert analysis.capacity is not None
    assert analysis.capacity.low is None
    assert analysis.capacity.sentence.startswith("Not even 38.4/s, the least that a window of 2 s can judge")
    assert analysis.verdict.verdict == "fail"


def test_a_search_cut_short_is_inconclusive() -> None:
    whole = offered(100)
    plan = Plan("synthetic", (), (trial(100).trial.treatment,), 3, 1.0, "capacity")
    analysis = conclude(run_facts(), plan, whole, [trial(100)], [])
    assert analysis.verdict.verdict == "inconclusive"
    assert "did not settle, it got to 100/s" in analysis.answer.headline


def test_a_limit_that_is_not_the_databases_is_named() -> None:
    busy = worker_facts(offered(100), cpu_s=1.99)
    analysis = run_search(1000, workers=(busy,))
    assert "the ceiling of this generator: the database may do more" in analysis.answer.headline
