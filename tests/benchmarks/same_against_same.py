"""A against A: how often "something changed" is said where nothing did, and which change would be found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bench.stats.compare import Change, Threshold, judge
from bench.stats.estimate import Refused
from bench.stats.noise import detection_power, minimum_detectable_effect, noise_floor
from bench.stats.quantiles import quantiles
from bench.stats.replicates import paired_ratio
from tests.benchmarks.table import Row

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.model.scenario import Scenario
    from tests.benchmarks.bed import Bed

SIMULATED = 200
PAIRS_A_COMPARISON = 5
THRESHOLD = Threshold(relative=0.05)
SHIFT = 0.10
FALSE_ALARMS = 0.05


def _says_changed(first: Sequence[float], second: Sequence[float]) -> bool:
    ratio = paired_ratio(first, second)
    said = judge(ratio, float(np.mean(first)), THRESHOLD, smaller_is_better=True).change
    return said in (Change.REGRESSION, Change.IMPROVEMENT)


def _simulated(sd_log: float, shift: float, rng: np.random.Generator) -> float:
    """Share of comparisons that say "changed": p95 values spread as measured, the second side moved by ``shift``."""
    said = 0
    for _ in range(SIMULATED):
        logs = rng.normal(0, sd_log, PAIRS_A_COMPARISON)
        second = np.exp(logs + np.log1p(shift))
        said += _says_changed([1.0] * PAIRS_A_COMPARISON, [float(value) for value in second])
    return said / SIMULATED


def _p95_s(bed: Bed, scenario: Scenario, seed: int) -> float:
    samples, run = bed.load(scenario, seed).samples, scenario.run
    inside = samples.where(
        (samples.outcome == 0) & (samples.intended_ns >= run.warmup) & (samples.completed_ns < run.warmup + run.window)
    )
    return quantiles(np.sort(inside.duration("response_time")), [0.95])[0] / 1e9


def measure(bed: Bed, *, pairs: int) -> list[Row]:
    """Run real pairs of one and the same scenario in the order A B, B A; then simulate with their spread."""
    scenario = bed.scenario(pool__size=30, load__clients=50, pool__workers=1, run__warmup="500ms", run__window="2s")
    first: list[float] = []
    second: list[float] = []
    for pair in range(pairs):
        sides = (first, second) if pair % 2 == 0 else (second, first)
        for half, side in enumerate(sides):
            side.append(_p95_s(bed, scenario, 2 * pair + half))
    floor = noise_floor(first, second, pairs=PAIRS_A_COMPARISON)
    if isinstance(floor, Refused):
        return [Row("A/A", floor.reason, "<= 5 % false alarms", met=False)]
    starts = range(0, pairs - PAIRS_A_COMPARISON + 1, PAIRS_A_COMPARISON)
    alarms = [_says_changed(first[i : i + PAIRS_A_COMPARISON], second[i : i + PAIRS_A_COMPARISON]) for i in starts]
    rng = np.random.default_rng(1)
    false = _simulated(floor.sd_log, 0.0, rng)
    found = _simulated(floor.sd_log, SHIFT, rng)
    power = ", ".join(f"{n} pairs {detection_power(SHIFT, floor.sd_log, n):.0%}" for n in (5, 10, 20, 40))
    visible = ", ".join(f"{n} pairs +{minimum_detectable_effect(floor.sd_log, n):.0%}" for n in (5, 10, 20, 40))
    return [
        Row(
            f"A/A simulated: {SIMULATED} comparisons of {PAIRS_A_COMPARISON} pairs, spread as measured",
            f"{false:.1%} false alarms",
            "<= 5 %",
            met=false <= FALSE_ALARMS,
            details=[f"a p95 shift of +10 %: found by {found:.0%} of the comparisons, threshold 5 %"],
        ),
        Row(
            f"A/A real: {len(alarms)} comparisons of {PAIRS_A_COMPARISON} pairs ({pairs} pairs)",
            f"{sum(alarms)} false alarms",
            "<= 5 %",
            met=sum(alarms) <= FALSE_ALARMS * len(alarms),
            details=[
                (
                    f"noise floor of the p95 over {PAIRS_A_COMPARISON} pairs: {floor.floor.point:.1%} "
                    f"[{floor.floor.low:.1%}, {floor.floor.high:.1%}], spread of a pair {floor.sd_log:.3f} (log), "
                    f"order bias p = {floor.bias_p:.2f}"
                ),
                f"power of the t test for +10 %: {power}",
                f"smallest shift found 8 times in 10: {visible}",
            ],
        ),
    ]
