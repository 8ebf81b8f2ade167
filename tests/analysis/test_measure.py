from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.analysis.measure import combine, measure_run
from bench.analysis.measurement import Measurement
from bench.analysis.split import PARTS
from bench.model.facts import Caveat
from bench.model.sample import DURATIONS, Outcome
from bench.stats.estimate import Estimate
from bench.stats.quantiles import quantiles
from tests.analysis.synthetic import (
    MS,
    RESET,
    closed_loop,
    codes,
    open_loop,
    plan_of,
    pooler_facts,
    scenario,
    server_facts,
    statement,
    summary_of,
    treatment_of,
    trial_of,
    with_outcomes,
    worker_facts,
)

if TYPE_CHECKING:
    from bench.model.sample import Samples

METRICS = (
    "throughput",
    "offered_rate",
    "error_rate",
    "round_trips_per_operation",
    "server_assignments_per_operation",
    "cache_hit_ratio",
    *(
        f"{name}.{statistic}"
        for name in DURATIONS
        for statistic in ("mean", "p50", "p90", "p95", "p99", "p99_9", "max")
    ),
    *(f"split.{part}" for part in PARTS),
    "buffers",
)


def noisy(seed: int, mean_ms: float = 10) -> Samples:
    times = np.random.default_rng(seed).gamma(4, mean_ms * MS / 4, 6000).astype(int)
    return closed_loop(scenario(), service_ns=lambda i: int(times[i % 6000]))


def observed() -> dict[str, object]:
    treated = scenario()
    stats = {"total_query_count": 4000, "total_server_assignment_count": 4000, "total_wait_time": 1000}
    statements = [
        statement("select rate from rate_tables where state = $1 and effective <= $2", 2000, 1.0),
        *(statement(sql, 2000, 0.1) for sql in RESET),
    ]
    return {"pooler": pooler_facts(treated, stats), "server": server_facts(treated, statements)}


def test_every_metric_is_measured_or_refused_with_a_reason() -> None:
    summaries = [summary_of(scenario(), noisy(block), block, **observed()) for block in range(1, 6)]
    overall, lookup = combine(treatment_of(scenario()), summaries, ("*", "lookup"))
    assert {*overall.metrics, *overall.refused} == set(METRICS)
    assert set(overall.refused) == {"offered_rate", "cache_hit_ratio"}
    assert lookup.operation == "lookup"
    assert lookup.metrics == overall.metrics
    assert overall.valid
    assert overall.trials == tuple(f"b0{block}-t001-s10" for block in range(1, 6))
    assert all(estimate.n == 5 for estimate in overall.metrics.values())
    assert {estimate.unit for name, estimate in overall.metrics.items() if "." in name} == {"s"}


def test_points_come_from_all_operations_and_intervals_from_trials() -> None:
    """The quantile is that of the pooled operations, never an average of quantiles."""
    samples = [noisy(block) for block in range(1, 6)]
    summaries = [summary_of(scenario(), each, block) for block, each in enumerate(samples, 1)]
    measurement = combine(treatment_of(scenario()), summaries, ("*",))[0]
    inside = [each.where((each.completed_ns >= 500 * MS) & (each.completed_ns < 2500 * MS)) for each in samples]
    pooled = np.concatenate([each.duration("response_time") for each in inside])
    for name, q in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99)):
        exact = quantiles(pooled, [q])[0] / 1e9
        assert measurement.metrics[f"response_time.{name}"].point == pytest.approx(exact, rel=1e-3)
    assert measurement.metrics["response_time.mean"].point == pytest.approx(pooled.mean() / 1e9)
    assert measurement.metrics["response_time.max"].point == pooled.max() / 1e9
    spread = measurement.metrics["throughput"]
    rates = [summary.everything.throughput for summary in summaries]
    assert spread.point == pytest.approx(np.mean(rates))
    assert spread.low < min(rates) or spread.high > np.median(rates)


def test_quantiles_are_refused_where_samples_are_too_few() -> None:
    treated = scenario(load={"model": "closed", "clients": 1})
    summaries = [summary_of(treated, closed_loop(treated, service_ns=40 * MS), block) for block in range(1, 4)]
    measurement = combine(treatment_of(treated), summaries, ("*",))[0]
    assert "response_time.p95" in measurement.metrics
    assert measurement.refused["response_time.p99"].needed == 299
    assert measurement.refused["response_time.p99_9"].needed == 2995
    assert "response_time.max" in measurement.metrics


def test_an_invalid_trial_is_left_out_where_two_valid_ones_remain() -> None:
    treated = scenario()
    bad = server_facts(treated, settings_changed={"jit": ("off", "on")})
    good = [summary_of(treated, noisy(block), block) for block in (1, 2)]
    slow = summary_of(treated, noisy(3, mean_ms=40), 3, server=bad)
    measurement = combine(treatment_of(treated), [*good, slow], ("*",))[0]
    assert measurement.valid
    assert measurement.trials == ("b01-t001-s10", "b02-t001-s10")
    assert measurement.metrics["throughput"].n == 2
    excluded = next(caveat for caveat in measurement.caveats if caveat.code == "excluded-trials")
    cause = next(caveat for caveat in slow.caveats if caveat.invalidates)
    assert excluded.text == f"1 of 3 trials is left out: settings-drift ({cause.text})"
    assert excluded.cure == cause.cure


def test_the_outage_of_a_trial_that_is_left_out_stays_visible() -> None:
    treated = scenario()
    good = [summary_of(treated, noisy(block), block) for block in (1, 2)]
    lost = Caveat(code="server-lost", text="it went away", cure="Look.", invalidates=True)
    outage = Caveat(code="outage", text="1 s to recover", cure="Look.")
    broken = dataclasses.replace(summary_of(treated, noisy(3), 3), caveats=(lost, outage))
    measurement = combine(treatment_of(treated), [*good, broken], ("*",))[0]
    texts = {caveat.code: caveat.text for caveat in measurement.caveats}
    assert "left out: server-lost (it went away)" in texts["excluded-trials"]
    assert texts["outage"] == "1 s to recover (in a trial that is left out)"


def test_with_one_valid_trial_left_the_measurement_is_invalid_but_visible() -> None:
    treated = scenario()
    bad = server_facts(treated, settings_changed={"jit": ("off", "on")})
    summaries = [summary_of(treated, noisy(1), 1)]
    summaries += [summary_of(treated, noisy(block), block, server=bad) for block in (2, 3)]
    measurement = combine(treatment_of(treated), summaries, ("*",))[0]
    assert not measurement.valid
    assert measurement.metrics["throughput"].n == 3
    assert "(2 of 3 trials)" in next(c.text for c in measurement.caveats if c.code == "settings-drift")


def test_a_single_trial_takes_its_intervals_from_blocks_of_time() -> None:
    measurement = combine(treatment_of(scenario()), [summary_of(scenario(), noisy(1))], ("*",))[0]
    assert measurement.valid
    assert "single-trial" in codes(measurement.caveats)
    assert measurement.metrics["response_time.p95"].n == 10
    assert measurement.metrics["throughput"].low < measurement.metrics["throughput"].high
    assert "split.release" in measurement.refused


def test_a_treatment_without_trials_is_visible_and_invalid() -> None:
    first, second = scenario(), scenario(pool={"size": 20})
    measured = measure_run([summary_of(first)], plan_of(second, first), ["lookup"])
    assert [(m.treatment["pool.size"], m.operation, m.valid) for m in measured] == [
        (20, "*", False),
        (20, "lookup", False),
        (10, "*", True),
        (10, "lookup", True),
    ]
    assert codes(measured[0].caveats) == {"no-trials"}
    assert measured[0].metrics == {}


def test_trials_without_an_error_do_not_prove_that_there_are_none() -> None:
    """0 of 6,000: the upper end is that of the counts, 3.7 / n at level 0.95."""
    summaries = [summary_of(scenario(), block=block) for block in range(1, 4)]
    errors = combine(treatment_of(scenario()), summaries, ("*",))[0].metrics["error_rate"]
    assert (errors.point, errors.low) == (0, 0)
    assert errors.high == pytest.approx(3.7 / 6000, rel=0.01)


def test_trials_that_differ_in_errors_widen_the_interval_beyond_the_counts() -> None:
    samples = closed_loop(scenario())
    each = [samples, samples, with_outcomes(samples, 10, Outcome.DEADLOCK)]
    summaries = [summary_of(scenario(), one, block) for block, one in enumerate(each, 1)]
    errors = combine(treatment_of(scenario()), summaries, ("*",))[0].metrics["error_rate"]
    assert errors.point == pytest.approx(0.1 / 3, rel=0.05)
    assert errors.low == 0
    assert errors.high > 0.1


def test_an_open_loop_states_what_was_offered() -> None:
    treated = scenario(load={"model": "open", "rate": "1000/s"}, pool={"size": 2})
    summaries = [summary_of(treated, open_loop(treated, range(0, 2500 * MS, MS)), block) for block in (1, 2)]
    measurement = combine(treatment_of(treated), summaries, ("*",))[0]
    assert measurement.metrics["offered_rate"].point == 1000
    assert measurement.metrics["throughput"].point == 1000


def test_of_several_operations_only_all_together_have_round_trips() -> None:
    treated = scenario(operations=[{"name": "a", "sql": "select 1"}, {"name": "b", "sql": "select a from b"}])
    samples = closed_loop(treated, operation=lambda i: i % 2)
    pooler = pooler_facts(treated, {"total_query_count": 4000})
    summaries = [summary_of(treated, samples, block, pooler=pooler) for block in (1, 2)]
    overall, one, _ = combine(treatment_of(treated), summaries, ("*", "a", "b"))
    assert overall.metrics["round_trips_per_operation"].point == 2
    assert "tell operations apart" in one.refused["round_trips_per_operation"].reason
    assert one.metrics["throughput"].point == pytest.approx(500)


def test_outcomes_are_counted_over_the_trials_that_count() -> None:
    samples = with_outcomes(closed_loop(scenario()), 2, Outcome.POOL_TIMEOUT)
    summaries = [summary_of(scenario(), samples, block) for block in (1, 2)]
    assert combine(treatment_of(scenario()), summaries, ("*",))[0].outcomes == {"ok": 2000, "pool_timeout": 2000}


def test_a_caveat_names_the_number_of_trials_that_share_it() -> None:
    treated = scenario()
    busy = (worker_facts(treated, cpu_s=2.0),)
    summaries = [summary_of(treated, block=1, workers=busy), summary_of(treated, block=2), summary_of(treated, block=3)]
    measurement = combine(treatment_of(treated), summaries, ("*",))[0]
    caveat = next(caveat for caveat in measurement.caveats if caveat.code == "generator-saturated")
    assert caveat.text.endswith("(1 of 3 trials)")


def test_nothing_that_cannot_be_negative_has_a_negative_end() -> None:
    treated = scenario(load={"model": "closed", "clients": 1})
    summaries = [
        summary_of(treated, closed_loop(treated, service_ns=steps), block)
        for block, steps in ((1, lambda i: (1 + i % 200) * MS), (2, lambda i: (1 + 7 * i % 200) * MS))
    ]
    measurement = combine(treatment_of(treated), summaries, ("*",))[0]
    assert min(estimate.low for estimate in measurement.metrics.values()) >= 0


def test_a_measurement_survives_a_round_trip_through_json() -> None:
    measurement = combine(treatment_of(scenario()), [summary_of(scenario(), block=b) for b in (1, 2)], ("*",))[0]
    assert msgspec.json.decode(msgspec.json.encode(measurement), type=Measurement) == measurement


@settings(max_examples=10, deadline=None)
@given(st.permutations([1, 2, 3, 4]))
def test_the_order_of_trials_does_not_matter(order: list[int]) -> None:
    by_block = {block: summary_of(scenario(), noisy(block), block) for block in (1, 2, 3, 4)}
    plain = combine(treatment_of(scenario()), [by_block[block] for block in (1, 2, 3, 4)], ("*",))[0]
    shuffled = combine(treatment_of(scenario()), [by_block[block] for block in order], ("*",))[0]
    for name, estimate in plain.metrics.items():
        other = shuffled.metrics[name]
        assert isinstance(other, Estimate)
        assert (other.point, other.low, other.high) == pytest.approx((estimate.point, estimate.low, estimate.high))


def test_trials_of_other_treatments_do_not_mix() -> None:
    small, large = scenario(pool={"size": 5}), scenario()
    summaries = [summary_of(each, block=block) for block in (1, 2) for each in (small, large)]
    measured = measure_run(summaries, plan_of(small, large), [])
    assert [m.metrics["throughput"].point for m in measured] == pytest.approx([500, 1000])
    assert measured[0].trials == (trial_of(small, 1).id, trial_of(small, 2).id)


def test_an_operation_of_a_mix_that_hardly_ran_says_so() -> None:
    treated = scenario(operations=[{"name": "a", "sql": "select 1"}, {"name": "b", "sql": "select a from b"}])

    def caveats(often: int) -> dict[str, str]:
        samples = closed_loop(treated, operation=lambda i: int(i % often == 1))
        summaries = [summary_of(treated, samples, block) for block in (1, 2)]
        overall, a, b = combine(treatment_of(treated), summaries, ("*", "a", "b"))
        assert "rare-operation" not in codes((*overall.caveats, *a.caveats))
        assert b.valid
        return {caveat.code: caveat.text for caveat in b.caveats}

    assert "rare-operation" not in caveats(2)
    text = caveats(100)["rare-operation"]
    assert text.endswith("good operations in 2 trials: too few for a p95, which takes 59")
    assert caveats(10**9)["rare-operation"] == "it never ran in the window of 2 of 2 trials"
