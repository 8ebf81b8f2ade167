from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bench.stats.compare import Change, Threshold, judge
from bench.stats.estimate import Estimate, Refused
from bench.stats.noise import detection_power
from bench.stats.replicates import paired_ratio

bounded = settings(max_examples=200, deadline=None, derandomize=True, database=None)
FIVE_PERCENT = Threshold(0.05)


def ratio(point: float, low: float, high: float) -> Estimate:
    return Estimate(point, low, high, 0.95, 5, "1")


@pytest.mark.parametrize(
    ("estimate", "change"),
    [
        (ratio(1.20, 1.10, 1.30), Change.REGRESSION),
        (ratio(1.08, 1.01, 1.15), Change.REGRESSION),
        (ratio(0.80, 0.70, 0.90), Change.IMPROVEMENT),
        (ratio(1.01, 0.97, 1.04), Change.EQUIVALENT),
        (ratio(1.03, 1.01, 1.04), Change.EQUIVALENT),  # real, but too small to matter
        (ratio(1.20, 0.95, 1.50), Change.INCONCLUSIVE),  # big, but perhaps nothing
        (ratio(1.04, 1.01, 1.08), Change.INCONCLUSIVE),  # real, but perhaps too small to matter
        (ratio(1.00, 0.90, 1.10), Change.INCONCLUSIVE),
    ],
)
def test_size_and_evidence_together_decide(estimate: Estimate, change: Change) -> None:
    assert judge(estimate, 100.0, FIVE_PERCENT, smaller_is_better=True).change is change


def test_where_larger_is_better_the_same_ratio_is_the_opposite() -> None:
    assert judge(ratio(0.8, 0.7, 0.9), 100.0, FIVE_PERCENT, smaller_is_better=False).change is Change.REGRESSION
    assert judge(ratio(1.2, 1.1, 1.3), 100.0, FIVE_PERCENT, smaller_is_better=False).change is Change.IMPROVEMENT


def test_a_change_must_also_be_big_in_its_own_unit() -> None:
    """+30 % of 1 ms is 0.3 ms: nothing to fail a build for if 2 ms are tolerated."""
    threshold = Threshold(relative=0.05, absolute=2.0)
    assert judge(ratio(1.3, 1.2, 1.4), 1.0, threshold, smaller_is_better=True).change is Change.EQUIVALENT
    assert judge(ratio(1.3, 1.2, 1.4), 100.0, threshold, smaller_is_better=True).change is Change.REGRESSION


def test_a_family_of_metrics_can_withdraw_the_evidence_of_one() -> None:
    found = judge(ratio(1.2, 1.1, 1.3), 100.0, FIVE_PERCENT, smaller_is_better=True, p=0.2)
    assert found.change is Change.INCONCLUSIVE
    assert "p = 0.2" in found.reason


def test_a_refused_ratio_is_inconclusive_for_its_own_reason() -> None:
    refused = Refused("one trial on a side", 1, 2)
    found = judge(refused, 100.0, FIVE_PERCENT, smaller_is_better=True)
    assert (found.change, found.reason) == (Change.INCONCLUSIVE, "one trial on a side")


@bounded
@given(st.floats(0.3, 3), st.floats(0.3, 1), st.floats(1, 3), st.booleans())
def test_no_verdict_claims_more_than_its_interval(
    point: float,
    down: float,
    up: float,
    smaller_is_better: bool,  # noqa: FBT001 - hypothesis fills it
) -> None:
    estimate = ratio(point, point * down, point * up)
    change = judge(estimate, 100.0, FIVE_PERCENT, smaller_is_better=smaller_is_better).change
    if change in (Change.REGRESSION, Change.IMPROVEMENT):
        assert abs(point - 1) > 0.05
        assert not estimate.low <= 1 <= estimate.high
        assert (change is Change.REGRESSION) == ((point > 1) == smaller_is_better)
    if change is Change.EQUIVALENT:
        assert estimate.low >= 0.95
        assert estimate.high <= 1.05


@pytest.mark.parametrize(("relative", "absolute"), [(0.0, 0.0), (-0.1, 0.0), (0.1, -1.0)])
def test_a_threshold_without_a_size_cannot_be_built(relative: float, absolute: float) -> None:
    with pytest.raises(ValueError, match="above some size"):
        Threshold(relative, absolute)


def test_a_baseline_of_zero_has_no_relative_change() -> None:
    with pytest.raises(ValueError, match="above zero"):
        FIVE_PERCENT.margin(0.0)


def alarms(shift: float, sd_log: float, runs: int, pairs: int = 5) -> float:
    """Regressions found among ``runs`` comparisons of ``pairs`` pairs at a threshold of 1 %."""
    rng = np.random.default_rng(11)
    found = 0
    for _ in range(runs):
        before = np.exp(rng.normal(3, 0.1, pairs))
        after = before * shift * np.exp(rng.normal(0, sd_log, pairs))
        estimate = paired_ratio(before.tolist(), after.tolist())
        change = judge(estimate, 20.0, Threshold(0.01), smaller_is_better=True).change
        found += change in (Change.REGRESSION, Change.IMPROVEMENT)
    return found


def test_a_against_a_raises_no_more_false_alarms_than_promised() -> None:
    assert alarms(1.0, 0.04, 1_000) <= stats.binom.ppf(1 - 1e-4, 1_000, 0.05)


def test_a_tenth_slower_is_found_as_often_as_the_power_promises() -> None:
    """5 pairs, 4 % noise per pair: 97 % of the comparisons."""
    power = detection_power(0.1, 0.04, 5)
    assert power > 0.95
    assert stats.binom.ppf(1e-4, 500, power) <= alarms(1.1, 0.04, 500) <= stats.binom.ppf(1 - 1e-4, 500, power)
