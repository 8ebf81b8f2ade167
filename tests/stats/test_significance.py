from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bench.stats.significance import (
    equivalence_p,
    holm,
    mann_whitney_p,
    permutation_p,
    smallest_p,
    smallest_paired_p,
    wilcoxon_p,
)

bounded = settings(max_examples=60, deadline=None, derandomize=True, database=None)
shares = st.lists(st.floats(0, 1), min_size=1, max_size=12)


@pytest.mark.parametrize(("n", "p"), [(3, 0.1), (4, 2 / 70), (5, 2 / 252), (6, 2 / 924)])
def test_the_smallest_p_is_what_completely_separated_groups_reach(n: int, p: float) -> None:
    """Three against three can never fail a gate at 0.05; four can."""
    low, high = [float(i) for i in range(n)], [100.0 + i for i in range(n)]
    assert smallest_p(n, n) == pytest.approx(p)
    assert mann_whitney_p(low, high, np.random.default_rng(0)) == pytest.approx(p)


@pytest.mark.parametrize(("pairs", "p"), [(5, 0.0625), (6, 0.03125)])
def test_the_smallest_p_of_pairs_is_what_one_sided_pairs_reach(pairs: int, p: float) -> None:
    before = [10.0 + i for i in range(pairs)]
    after = [value * (1.1 + 0.01 * i) for i, value in enumerate(before)]
    assert smallest_paired_p(pairs) == p
    assert wilcoxon_p(before, after) == pytest.approx(p)
    assert permutation_p(before, after, np.random.default_rng(0), paired=True) == pytest.approx(p)


def test_no_trials_can_show_nothing() -> None:
    assert smallest_p(0, 5) == 1.0
    assert smallest_paired_p(0) == 1.0


def test_ties_do_not_make_three_against_three_significant() -> None:
    """The normal approximation for ties would."""
    assert mann_whitney_p([1.0, 1.0, 1.0], [2.0, 2.0, 2.0], np.random.default_rng(0)) == pytest.approx(0.1)
    assert stats.mannwhitneyu([1, 1, 1], [2, 2, 2], method="asymptotic", use_continuity=False).pvalue < 0.05


def test_equal_pairs_are_no_surprise() -> None:
    assert wilcoxon_p([3.0, 5.0, 7.0], [3.0, 5.0, 7.0]) == 1.0


def test_permuting_labels_agrees_with_the_rank_test_on_separated_groups() -> None:
    rng = np.random.default_rng(0)
    assert permutation_p([1.0, 2.0, 3.0, 4.0], [11.0, 12.0, 13.0, 14.0], rng, paired=False) == pytest.approx(2 / 70)


@bounded
@given(shares)
def test_holm_never_lowers_a_p_and_keeps_their_order(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    assert all(p <= a <= 1 for p, a in zip(p_values, adjusted, strict=True))
    ranked = sorted(zip(p_values, adjusted, strict=True))
    assert [a for _, a in ranked] == sorted(a for _, a in ranked)


def test_holm_steps_down() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []
    with pytest.raises(ValueError, match="between 0 and 1"):
        holm([0.5, 1.5])


def test_holm_holds_the_chance_of_any_false_alarm() -> None:
    """20 true null hypotheses, 2,000 times: unadjusted, two runs in three raise an alarm."""
    families = np.random.default_rng(1).random((2_000, 20))
    alarms = sum(min(holm(family.tolist())) <= 0.05 for family in families)
    assert alarms <= stats.binom.ppf(1 - 1e-4, 2_000, 0.05)
    assert (families.min(axis=1) <= 0.05).mean() > 0.6


def test_equivalence_needs_closeness_and_precision() -> None:
    before = [100.0, 101.0, 99.0, 100.5, 99.5]
    close = [100.2, 101.1, 98.9, 100.4, 99.7]
    noisy = [80.0, 125.0, 90.0, 112.0, 99.0]
    assert equivalence_p(before, close, 0.03) < 0.001
    assert equivalence_p(before, noisy, 0.03) > 0.05
    assert equivalence_p(before, [1.2 * value for value in close], 0.03) > 0.5
    assert (equivalence_p([1.0, 2.0], [1.0, 2.0], 0.03), equivalence_p([1.0, 2.0], [2.0, 4.0], 0.03)) == (0.0, 1.0)


def test_tost_agrees_with_two_one_sided_t_tests() -> None:
    rng = np.random.default_rng(2)
    before, after = np.exp(rng.normal(0, 0.02, (2, 8)))
    logs = np.log(after / before)
    two = [
        stats.ttest_1samp(logs, -np.log(1.05), alternative="greater").pvalue,
        stats.ttest_1samp(logs, np.log(1.05), alternative="less").pvalue,
    ]
    assert equivalence_p(before.tolist(), after.tolist(), 0.05) == pytest.approx(max(two))


def test_equivalence_without_a_margin_is_an_error() -> None:
    with pytest.raises(ValueError, match="margin above zero"):
        equivalence_p([1.0, 2.0], [1.0, 2.0], 0.0)
