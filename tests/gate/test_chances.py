"""How often a gate cries wolf, and what it sees: simulated trials with known noise and known shifts, in numbers only.

A trial's value is lognormal, as measured ones are. Three metrics are judged together, of which at most one is shifted.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from bench.analysis.gate.compare import Compared
from bench.analysis.gate.contrast import contrast
from bench.analysis.gate.decide import decide
from bench.analysis.gate.metrics import Sizes
from bench.analysis.verdict import sum_up
from bench.stats.estimate import Estimate
from bench.stats.significance import holm

METRICS = ("response_time.p95", "response_time.p50", "service_time.mean")
GATES = 100


def gate(generator: np.random.Generator, sd: float, shift: float, n: int, *, paired: bool, drift: float = 0.0) -> str:
    """Judge one simulated gate; with ``drift`` every pair shares a random level of its own."""
    found = []
    for number, metric in enumerate(METRICS):
        level = 0.01 * np.exp(generator.normal(0, drift, n))
        worse = 1 + (shift if number == 0 else 0.0)
        baseline = (level * np.exp(generator.normal(0, sd, n))).tolist()
        candidate = (level * worse * np.exp(generator.normal(0, sd, n))).tolist()
        seen = contrast(baseline, candidate, "s", paired=paired)
        means = [Estimate(float(np.mean(v)), min(v), max(v), 0.95, n, "s") for v in (baseline, candidate)]
        found.append(Compared({}, "lookup", metric, means[0], means[1], seen))
    adjusted = holm([one.contrast.p for one in found if one.contrast.p is not None])
    return sum_up(decide(one, p, Sizes(), None).verdict for one, p in zip(found, adjusted, strict=True))


def tally(sd: float, shift: float, n: int, *, paired: bool = True, drift: float = 0.0) -> Counter[str]:
    generator = np.random.default_rng(20250301)
    return Counter(gate(generator, sd, shift, n, paired=paired, drift=drift) for _ in range(GATES))


@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize("sd", [0.01, 0.05, 0.2])
def test_false_alarms_stay_below_one_in_twenty_whatever_the_noise(sd: float, paired: bool) -> None:  # noqa: FBT001 - pytest passes it by name
    seen = tally(sd, 0.0, 6, paired=paired)
    assert seen["fail"] <= 0.05 * GATES


def test_noise_makes_a_gate_inconclusive_not_passing() -> None:
    quiet, noisy = tally(0.01, 0.0, 6), tally(0.3, 0.0, 6)
    assert quiet["pass"] >= 0.9 * GATES
    assert noisy["pass"] <= 0.2 * GATES


@pytest.mark.parametrize(("sd", "shift", "share"), [(0.02, 0.10, 0.9), (0.05, 0.25, 0.9), (0.1, 1.0, 0.95)])
def test_shifts_well_above_the_noise_are_found(sd: float, shift: float, share: float) -> None:
    assert tally(sd, shift, 6)["fail"] >= share * GATES


@pytest.mark.parametrize("shift", [0.10, 1.0])
def test_a_real_shift_rarely_passes(shift: float) -> None:
    """Where the noise hides a shift that matters the answer is inconclusive."""
    for sd in (0.02, 0.2):
        assert tally(sd, shift, 6)["pass"] <= 0.05 * GATES


def test_interleaving_takes_drift_out() -> None:
    """Half of the machine's speed comes and goes: pairs see the shift all the same, independent runs do not."""
    paired = tally(0.03, 0.25, 6, paired=True, drift=0.5)
    independent = tally(0.03, 0.25, 6, paired=False, drift=0.5)
    assert paired["fail"] >= 0.9 * GATES
    assert independent["fail"] <= 0.1 * GATES


def test_three_trials_a_side_are_not_enough_for_small_shifts() -> None:
    assert tally(0.05, 0.10, 3)["fail"] <= 0.3 * GATES
