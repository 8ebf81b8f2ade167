"""One question, one answer: what holds a treatment back. Every threshold from both sides, and what comes first."""

from __future__ import annotations

from typing import Any

import pytest

from bench.analysis.bottleneck import Load, classify, headroom, name_bottleneck
from tests.analysis.synthetic import MS, closed_loop, pooler_facts, scenario, server_facts, summary_of, worker_facts

RELAXED = {
    "server": 0.1,
    "pooler": 0.1,
    "generator": 0.1,
    "generator_busy": 0.2,
    "machine": 0.2,
    "loop_lag_ns": 100_000,
    "wait_s": 0.0,
    "wait_share": 0.0,
    "service_s": 0.01,
}


def load(**changes: Any) -> Load:
    return Load(**{**RELAXED, **changes})


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({}, None),
        ({"wait_share": 0.10}, None),
        ({"wait_share": 0.11}, "pool"),
        ({"server": 0.79, "wait_share": 5.0}, "pool"),
        ({"server": 0.80, "wait_share": 5.0}, "server"),
        ({"server": None, "machine": None, "wait_share": 5.0}, "pool"),
        ({"pooler": 0.89, "wait_share": 5.0}, "pool"),
        ({"pooler": 0.90, "wait_share": 5.0}, "pooler"),
        ({"generator": 0.84, "wait_share": 5.0}, "pool"),
        ({"generator": 0.85, "wait_share": 5.0}, "generator"),
        ({"generator": 0.60, "loop_lag_ns": 11 * MS, "wait_share": 5.0}, "generator"),
        ({"generator": 0.40, "loop_lag_ns": 11 * MS, "wait_share": 5.0}, "generator"),
        ({"generator": 0.40, "generator_busy": 0.84, "wait_share": 5.0}, "pool"),
        ({"generator": 0.40, "generator_busy": 0.86, "wait_share": 5.0}, "generator"),
        ({"generator": 0.40, "generator_busy": None, "wait_share": 5.0}, "pool"),
        ({"generator": 0.40, "loop_lag_ns": 11 * MS, "service_s": 0.1, "wait_share": 5.0}, "pool"),
        ({"machine": 0.89, "wait_share": 5.0}, "pool"),
        ({"machine": 0.90, "wait_share": 5.0}, "machine"),
    ],
)
def test_each_threshold_decides_from_its_own_side(changes: dict[str, Any], kind: str | None) -> None:
    assert classify(load(**changes)) == kind


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"server": 0.9, "pooler": 0.95, "generator": 0.95, "machine": 1.0, "wait_share": 5.0}, "server"),
        ({"pooler": 0.99, "generator": 0.86, "machine": 0.95, "wait_share": 5.0}, "pooler"),
        ({"pooler": 0.91, "generator": 0.99, "machine": 0.95, "wait_share": 5.0}, "generator"),
        ({"machine": 0.95, "generator_busy": 0.99, "wait_share": 5.0}, "machine"),
    ],
)
def test_what_no_pool_size_can_change_comes_first(changes: dict[str, Any], kind: str) -> None:
    assert classify(load(**changes)) == kind


def test_four_situations_with_the_same_queue_get_four_answers() -> None:
    """40 clients wait for 10 connections in all of them."""
    treated = scenario(load={"model": "closed", "clients": 40})
    situations: dict[str, dict[str, Any]] = {
        "pool": {"server": server_facts(treated, cpu_s=0.5)},
        "server": {"server": server_facts(treated, cpu_s=7.0)},
        "pooler": {"server": server_facts(treated, cpu_s=0.5), "pooler": pooler_facts(treated, {}, cpu_s=1.9)},
        "generator": {
            "server": server_facts(treated, cpu_s=0.5),
            "workers": (worker_facts(treated, cpu_s=1.9),),
        },
    }
    for kind, facts in situations.items():
        known = name_bottleneck([summary_of(treated, closed_loop(treated), block, **facts) for block in (1, 2, 3)])
        assert known is not None
        assert known.kind == kind
        assert known.evidence["trials_that_agree"] == "3 of 3"
        assert known.load.wait_s == pytest.approx(0.03, rel=0.05)


def test_most_trials_decide_and_the_numbers_are_theirs() -> None:
    treated = scenario(load={"model": "closed", "clients": 40})
    cpu = (7.0, 7.2, 0.5)
    trials = [summary_of(treated, None, block, server=server_facts(treated, cpu_s=s)) for block, s in enumerate(cpu, 1)]
    known = name_bottleneck(trials)
    assert known is not None
    assert (known.kind, known.agree, known.trials) == ("server", 2, 3)
    assert known.load.server == pytest.approx(7.1 / 8)


def test_a_relaxed_treatment_has_no_bottleneck() -> None:
    assert name_bottleneck([summary_of(scenario())]) is None
    assert name_bottleneck([]) is None


@pytest.mark.parametrize(
    ("changes", "times"),
    [
        ({}, 4.5),
        ({"server": 0.4, "machine": 0.2}, 2.0),
        ({"server": None, "machine": None}, 8.5),
        ({"machine": 1.0}, 1),
    ],
)
def test_headroom_is_what_the_next_limit_leaves(changes: dict[str, Any], times: float) -> None:
    assert headroom(load(**changes)) == pytest.approx(times)
