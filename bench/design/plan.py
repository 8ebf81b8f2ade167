"""Treatments x replicates in seeded random blocks."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Literal

import msgspec
import numpy as np

from bench.model.errors import ScenarioError
from bench.model.scenario import ClosedLoop, Level, OpenLoop
from bench.model.scenario_text import decode, override

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.model.scenario import Scenario
    from bench.model.scenario_text import Raw

MOST_TRIALS = 20_000
"""A plan of more trials would take days at the least: somebody has mistyped a number."""
TRIAL_OVERHEAD_S = 1.5
"""Starting workers, opening pools and storing a trial; only used for the estimate of `bench plan`."""


class Trial(msgspec.Struct, frozen=True):
    """One measured window of one treatment. ``block`` is the replicate: every treatment once, in random order."""

    id: str
    block: int
    treatment: dict[str, Level]
    seed: int


class Plan(msgspec.Struct, frozen=True):
    """All trials in the order they run. Any design but the full grid grows while the run goes on."""

    scenario: str
    trials: tuple[Trial, ...]
    treatments: tuple[dict[str, Level], ...]
    replicates: int
    estimated_s: float
    design: Literal["grid", "adaptive", "capacity", "tune"] = "grid"


def identify(scenario: Scenario, swept: Mapping[str, Level]) -> dict[str, Level]:
    """Name a treatment: driver, pool size, load and pooler, and every swept key beside them."""
    match scenario.load:
        case ClosedLoop(clients=clients):
            load: dict[str, Level] = {"load.clients": clients}
        case OpenLoop(rate=rate):
            load = {"load.rate": float(rate)}
        case users:
            load = {"load.users": users.users}
    base: dict[str, Level] = {"pool.driver": scenario.pool.driver, "pool.size": scenario.pool.size}
    shown = {key: level for key, level in swept.items() if key not in load}
    return {**base, **load, "pooler.kind": scenario.pooler.kind, **shown}


def treat(raw: Raw, levels: Mapping[str, Level], source: str) -> Scenario:
    """Return the scenario of one combination of levels, without its sweep."""
    plain = {name: value for name, value in raw.items() if name not in ("sweep", "quick")}
    return decode(override(plain, levels, source), source)


def combinations(scenario: Scenario) -> list[dict[str, Level]]:
    """Return every combination of the swept levels, one empty combination where nothing is swept."""
    keys = list(scenario.sweep)
    return [dict(zip(keys, levels, strict=True)) for levels in itertools.product(*scenario.sweep.values())]


def expand(raw: Raw, source: str) -> tuple[Plan, dict[str, Scenario]]:
    """Lay out all trials; also returns the scenario of each trial by its id.

    With ``run.order = "random"`` each block holds every treatment once in an order drawn from ``run.seed``, so that
    drift of the machine falls on all treatments alike.
    """
    scenario = decode(raw, source)
    planned = scenario.run.replicates * math.prod(len(levels) for levels in scenario.sweep.values())
    if planned > MOST_TRIALS:
        raise ScenarioError(
            f"{source}: the sweep and its replicates make {planned:,} trials",
            evidence=f"at most {MOST_TRIALS:,} can be planned",
            remedy="Sweep fewer levels, or lower `run.replicates`.",
        )
    cells = [
        (identify(treated, levels), treated)
        for levels in combinations(scenario)
        for treated in [treat(raw, levels, source)]
    ]
    generator = np.random.default_rng(scenario.run.seed)
    trials: list[Trial] = []
    scenarios: dict[str, Scenario] = {}
    for block in range(scenario.run.replicates):
        order = generator.permutation(len(cells)) if scenario.run.order == "random" else np.arange(len(cells))
        for position, cell in enumerate(order, 1):
            treatment, treated = cells[int(cell)]
            trial = Trial(f"b{block + 1:02d}-t{position:03d}", block + 1, treatment, int(generator.integers(2**31)))
            trials.append(trial)
            scenarios[trial.id] = treated
    seconds = sum(map(trial_seconds, scenarios.values()))
    treatments = tuple(treatment for treatment, _ in cells)
    return Plan(scenario.name, tuple(trials), treatments, scenario.run.replicates, seconds), scenarios


def trial_seconds(scenario: Scenario) -> float:
    """Return about how long one trial takes."""
    run = scenario.run
    return run.warmup.seconds + run.window.seconds + run.cooldown.seconds + TRIAL_OVERHEAD_S
