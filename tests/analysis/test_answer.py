from __future__ import annotations

import msgspec
import pytest

from bench.analysis.analyse import conclude
from bench.analysis.answer import Answer
from tests.analysis.sweeps import sweep, trials_of
from tests.analysis.synthetic import plan_of, pooler_facts, run_facts, scenario, server_facts, worker_facts

NOISE = (0.99, 1.0, 1.01, 0.995, 1.005)


def around(throughput: float, blocks: int = 5) -> list[float]:
    return [throughput * factor for factor in NOISE[:blocks]]


def curve(**by_size: float) -> dict[int, list[float]]:
    return {int(name.removeprefix("s")): around(value) for name, value in by_size.items()}


def test_the_smallest_pool_within_the_noise_of_the_best_is_recommended() -> None:
    answer = sweep({50: curve(s4=1000, s8=1900, s16=2450, s32=2500, s48=2490)}).answer
    (subject,) = answer.subjects
    assert subject.recommended == 16
    assert answer.headline.startswith("Pool size 16")
    (load,) = subject.loads
    assert (load.key, load.load, load.best) == ("load.clients", 50, 32)
    assert [size.pool_size for size in load.sizes] == [4, 8, 16, 32, 48]
    assert "shown to be below 97 %" in load.sizes[0].reason


def test_budgets_come_before_throughput() -> None:
    """At size 32 and 48 the p95 is above 25 ms: the best of those that keep the budget decides."""
    answer = sweep(
        {50: curve(s4=1000, s8=1900, s16=2450, s32=2500, s48=1200)}, budgets=["p95(service_time) < 12ms"]
    ).answer
    (load,) = answer.subjects[0].loads
    assert {size.pool_size: size.budgets for size in load.sizes} == {
        4: "pass",
        8: "pass",
        16: "pass",
        32: "fail",
        48: "fail",
    }
    assert load.best == 16
    assert load.recommended == 16
    assert "misses p95(service_time) < 12ms" in load.sizes[-1].reason


def test_without_a_size_that_meets_the_budgets_there_is_no_recommendation_but_a_verdict() -> None:
    analysis = sweep({50: curve(s8=1900, s16=2450, s32=2500)}, budgets=["p95 < 5ms"])
    (subject,) = analysis.answer.subjects
    assert subject.recommended is None
    assert subject.loads[0].fallback == 16
    assert analysis.verdict.verdict == "fail"
    counted = [line.treatment["pool.size"] for line in analysis.verdict.lines if line.counts]
    assert counted == [16]
    assert "No pool size can be recommended" in analysis.answer.headline


def test_the_run_passes_if_the_recommended_size_passes_whatever_the_explored_ones_do() -> None:
    analysis = sweep({50: curve(s4=1000, s16=2450, s32=2500)}, budgets=["p95 < 30ms"])
    assert [line.verdict for line in analysis.verdict.lines] == ["fail", "pass", "pass"]
    assert [line.counts for line in analysis.verdict.lines] == [False, True, False]
    assert analysis.verdict.verdict == "pass"


def test_one_size_must_serve_every_load_level() -> None:
    """At 10 clients any size does; at 50 it takes 16."""
    few = {size: around(1000) for size in (4, 16, 32)}
    analysis = sweep({10: few, 50: curve(s4=1000, s16=2450, s32=2500)})
    (subject,) = analysis.answer.subjects
    assert [load.recommended for load in subject.loads] == [4, 16]
    assert subject.recommended == 16
    assert [treatment["pool.size"] for treatment in analysis.answer.recommended] == [16, 16]
    assert "all 2 load levels" in subject.reason


def test_at_the_highest_load_not_being_shown_worse_is_not_enough() -> None:
    """Size 16 lies at 93 % on average, too noisy to be shown worse; where it matters most that will not do."""
    noisy = [1900.0, 2600.0, 2000.0, 2650.0, 2450.0]
    analysis = sweep({10: {size: around(1000) for size in (16, 32)}, 50: {16: noisy, 32: around(2500)}})
    (subject,) = analysis.answer.subjects
    ratio = subject.loads[1].sizes[0].ratio
    assert ratio is not None
    assert ratio.point < 0.97 < ratio.high
    assert subject.recommended == 32


def test_a_compromise_says_what_it_costs() -> None:
    """Small pools win under light load, large ones under heavy load, the middle loses a little in both."""
    analysis = sweep(
        {10: curve(s4=1000, s16=930, s32=700), 50: curve(s4=1000, s16=2300, s32=2500)},
    )
    (subject,) = analysis.answer.subjects
    assert subject.recommended == 16
    assert "loses least where it loses most, 8" in subject.reason


def test_a_load_level_that_no_size_serves_fails_the_run_and_is_named() -> None:
    analysis = sweep(
        {10: {size: around(1000) for size in (4, 16)}, 50: curve(s4=1000, s16=2450)}, budgets=["p95 < 15ms"]
    )
    (subject,) = analysis.answer.subjects
    assert subject.recommended == 4
    assert [load.recommended for load in subject.loads] == [4, None]
    assert "at load.clients 10 alone: no size serves the other load levels" in subject.reason
    assert any("At load.clients 50 there is no recommendation" in claim for claim in subject.cannot_claim)
    assert analysis.verdict.verdict == "fail"


def test_invalid_sizes_are_left_out_and_named() -> None:
    treated = scenario()
    drifted = {32: {"server": server_facts(treated, settings_changed={"jit": ("off", "on")})}}
    answer = sweep({50: curve(s8=1900, s16=2450, s32=5000)}, facts=drifted).answer
    (subject,) = answer.subjects
    assert subject.recommended == 16
    assert any("32 has no valid measurement" in claim for claim in subject.cannot_claim)
    assert "settings-drift" in subject.loads[0].sizes[-1].reason


def test_three_replicates_and_the_edges_of_the_sweep_limit_the_claim() -> None:
    sizes = {size: around(value, 3) for size, value in ((8, 1900), (16, 1905), (32, 2500))}
    (rising,) = sweep({50: sizes}).answer.subjects
    assert any("larger ones may do better" in claim for claim in rising.cannot_claim)
    assert any("3 replicates" in claim and "p = 0.1" in claim for claim in rising.cannot_claim)
    (flat,) = sweep({50: curve(s8=2500, s16=2400, s32=2300)}).answer.subjects
    assert flat.recommended == 8
    assert any("smaller ones may do as well" in claim for claim in flat.cannot_claim)
    assert not any("replicates" in claim for claim in flat.cannot_claim)


@pytest.mark.parametrize(
    ("facts", "ceiling"),
    [
        ({"workers": (worker_facts(scenario(), clients=50, cpu_s=2.0),)}, "the ceiling of this generator"),
        ({"pooler": pooler_facts(scenario(), {}, cpu_s=2.0)}, "the ceiling of one pgBouncer process"),
        ({"server": server_facts(scenario(), cpu_s=7.0)}, "the ceiling of this machine"),
    ],
)
def test_whose_ceiling_it_is_stands_beside_the_answer(facts: dict[str, object], ceiling: str) -> None:
    (subject,) = sweep(
        {50: curve(s8=1900, s16=2450, s32=2500)}, facts=dict.fromkeys((8, 16, 32), facts)
    ).answer.subjects
    assert any(ceiling in claim for claim in subject.cannot_claim)


def test_one_size_alone_is_no_comparison() -> None:
    (subject,) = sweep({50: curve(s16=2450)}).answer.subjects
    assert subject.recommended == 16
    assert any("Only pool size 16 was measured" in claim for claim in subject.cannot_claim)


def test_one_trial_a_size_allows_no_recommendation() -> None:
    analysis = sweep({50: {8: [1900.0], 16: [2500.0]}}, budgets=["p95 < 1s"])
    (subject,) = analysis.answer.subjects
    assert subject.recommended is None
    assert "one trial" in subject.loads[0].reason
    assert [line.treatment["pool.size"] for line in analysis.verdict.lines if line.counts] == [16]


@pytest.mark.parametrize("few", [[2450.0], [2450.0, 2460.0]])
def test_a_size_with_few_trials_does_not_spoil_the_comparison_of_the_others(few: list[float]) -> None:
    """With one trial it is left out; with two, only the two blocks that all sizes share are paired."""
    (subject,) = sweep({50: {8: around(1900), 16: few, 24: around(2480), 32: around(2500)}}).answer.subjects
    assert subject.recommended == (24 if len(few) == 1 else 16)
    assert subject.loads[0].sizes[1].reason.startswith("not compared: 1 trial") is (len(few) == 1)


def test_usl_and_knee_stand_beside_the_answer_as_counter_evidence() -> None:
    """A curve with coherency: its peak lies inside the sweep, and the report can set it beside the answer."""
    by_size = {n: around(200 * n / (1 + (n - 1) * (0.02 + 0.002 * n))) for n in (2, 4, 8, 16, 24, 32, 48)}
    (load,) = sweep({50: by_size}).answer.subjects[0].loads
    assert load.usl_peak is not None
    assert load.usl_peak.low <= 22.1 <= load.usl_peak.high
    assert load.knee is not None
    assert load.usl_reason == load.knee_reason == ""


def test_counter_evidence_that_cannot_be_had_has_its_reason() -> None:
    (load,) = sweep({50: curve(s8=1900, s16=2450)}).answer.subjects[0].loads
    assert load.usl_peak is None
    assert "2 different level(s)" in load.usl_reason
    assert load.knee_reason


def test_drivers_are_answered_apart_and_all_must_pass() -> None:
    """The verdict counts the recommended size of each subject: none hides behind another."""
    treatments, summaries = [], []
    for driver, slow in (("asyncpg", 1.0), ("psycopg", 0.5)):
        for size, rate in ((8, 1900), (16, 2450)):
            treated = scenario(load={"model": "closed", "clients": 50}, pool={"size": size, "driver": driver})
            treatments.append(treated)
            summaries += trials_of(treated, around(rate * slow))
    whole = scenario(budgets=["p95 < 30ms"])
    analysis = conclude(run_facts(), plan_of(*treatments), whole, summaries, ())
    assert [subject.levels["pool.driver"] for subject in analysis.answer.subjects] == ["asyncpg", "psycopg"]
    assert [subject.recommended for subject in analysis.answer.subjects] == [16, None]
    assert analysis.answer.headline.startswith("Pool size 16 for pool.driver asyncpg: ")
    assert "No pool size can be recommended for pool.driver psycopg: " in analysis.answer.headline
    assert analysis.verdict.verdict == "fail"


def test_an_answer_survives_a_round_trip_through_json() -> None:
    answer = sweep({50: curve(s4=1000, s8=1900, s16=2450, s32=2500)}, budgets=["p95 < 1s"]).answer
    assert msgspec.json.decode(msgspec.json.encode(answer), type=Answer) == answer


def test_the_same_trials_give_the_same_answer() -> None:
    first, second = (sweep({50: curve(s4=1000, s8=1900, s16=2450, s32=2500)}).answer for _ in range(2))
    assert first == second
