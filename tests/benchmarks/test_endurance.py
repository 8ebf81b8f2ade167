"""A soak tells a leak from noise, and from what a process keeps on purpose."""

from __future__ import annotations

import numpy as np
import pytest

from tests.benchmarks.endurance import judge_drift, judge_memory, leaks_descriptors, slope

MB = 1e6
SECONDS = np.arange(0, 1800, 2.0)
CHANCE = np.random.default_rng(7)
NOISE = CHANCE.normal(0, 50_000, SECONDS.size)
STAIRS = np.cumsum(CHANCE.choice([-65_536, 0, 0, 0, 65_536], SECONDS.size)) * 0.05


def test_memory_that_only_wobbles_is_flat() -> None:
    assert judge_memory(SECONDS, 80 * MB + NOISE + STAIRS).stand == "flat"


@pytest.mark.parametrize("leak", [5_000.0, 50_000.0])
def test_a_leak_is_found_with_its_rate_inside_the_interval(leak: float) -> None:
    verdict = judge_memory(SECONDS, 80 * MB + NOISE + leak * SECONDS)
    assert verdict.stand == "grows"
    assert verdict.slope.low <= leak <= verdict.slope.high


def test_what_is_kept_on_purpose_is_no_leak_and_does_not_hide_one() -> None:
    kept = 100_000.0
    assert judge_memory(SECONDS, 80 * MB + NOISE + kept * SECONDS, kept).stand == "flat"
    assert judge_memory(SECONDS, 80 * MB + NOISE + (kept + 5_000) * SECONDS, kept).stand == "grows"


def test_too_much_noise_leaves_the_question_open() -> None:
    wild = CHANCE.normal(0, 40 * MB, 30)
    assert judge_memory(np.arange(30.0), 80 * MB + wild).stand == "undecided"


def test_a_slope_from_a_few_readings_is_refused() -> None:
    with pytest.raises(ValueError, match="at least"):
        slope([1.0, 2.0], [1.0, 2.0], "B/s")


def test_latency_drifts_only_beyond_what_neighbours_differ_by() -> None:
    noise = np.exp(CHANCE.normal(0, 0.03, 30))
    rising = np.linspace(1.0, 1.5, 30)
    assert judge_drift(list(2.0 * noise)).stand == "steady"
    drifting = judge_drift(list(2.0 * noise * rising))
    assert drifting.stand == "drifts"
    assert drifting.drift.low <= 0.5 <= drifting.drift.high


def test_descriptors_that_come_and_go_do_not_leak() -> None:
    assert not leaks_descriptors([20, 24, 20, 24, 20, 24, 20, 24])
    assert leaks_descriptors([20, 21, 22, 23, 24, 25, 26, 27])
