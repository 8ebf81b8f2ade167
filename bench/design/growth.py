"""Plans that grow while the run goes on: an adaptive sweep, and the search for the highest rate. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from bench.design.plan import Trial, combinations, expand, identify, treat
from bench.design.search import Cell, Grid
from bench.model.errors import ScenarioError
from bench.model.scenario_text import decode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.design.plan import Plan
    from bench.model.scenario import Level, Scenario
    from bench.model.scenario_text import Raw

SIZE = "pool.size"
LOADS = ("load.clients", "load.rate", "load.users")
FEWEST_SIZES = 3
START_RATE = "100/s"
"""Where the search for the highest rate begins if the scenario offers none."""
_NOT_OPEN = ("model", "clients", "users", "think_time")
"""Keys of the other load models, which an open loop does without."""


def lay_out(treatments: Sequence[Mapping[str, Level]], replicates: int) -> tuple[Grid, dict[Cell, dict[str, Level]]]:
    """Return the grid that a full plan's treatments form, and each by its place; raises ``ScenarioError``."""
    sizes = sorted({size for one in treatments if isinstance(size := one[SIZE], int)})
    if len(sizes) < FEWEST_SIZES:
        raise ScenarioError(
            f"an adaptive sweep looks for the best pool size, and the scenario varies {len(sizes)} of them",
            remedy=f"Give {FEWEST_SIZES} or more, as in `--sweep pool.size=1,2,4..32`, or leave out `--adaptive`.",
        )
    load = next(key for key in LOADS if key in treatments[0])
    loads = sorted({float(one[load]) for one in treatments})
    subjects: dict[frozenset[tuple[str, Level]], int] = {}
    places = {}
    for one in treatments:
        others = frozenset((key, level) for key, level in one.items() if key not in (SIZE, load))
        subject = subjects.setdefault(others, len(subjects))
        places[Cell(subject, loads.index(float(one[load])), sizes.index(int(one[SIZE])))] = dict(one)
    return Grid(tuple(map(float, sizes)), len(loads), len(subjects), replicates), places


def grow(plan: Plan, treatments: Sequence[Mapping[str, Level]], scenario: Scenario) -> Plan:
    """Return the plan with one more block that holds each of the treatments once, in an order drawn from the seed."""
    block = max((trial.block for trial in plan.trials), default=0) + 1
    generator = np.random.default_rng([scenario.run.seed, block])
    random = scenario.run.order == "random"
    order = generator.permutation(len(treatments)) if random else np.arange(len(treatments))
    trials = [
        Trial(f"b{block:02d}-t{place:03d}", block, dict(treatments[int(cell)]), int(generator.integers(2**31)))
        for place, cell in enumerate(order, 1)
    ]
    known = {frozenset(one.items()) for one in plan.treatments}
    new = [dict(one) for one in treatments if frozenset(one.items()) not in known]
    return msgspec.structs.replace(plan, trials=(*plan.trials, *trials), treatments=(*plan.treatments, *new))


def offer(raw: Raw, source: str, rate: float | None = None) -> Scenario:
    """Return the scenario as an open loop at ``rate`` (1/s), without its sweep; the rate it states, if it is None.

    Of another load model nothing is kept; what an open loop does not know either is refused.
    """
    written = raw.get("load", {})
    kept = {key: value for key, value in written.items() if key not in _NOT_OPEN}
    text = kept.get("rate", START_RATE) if rate is None else f"{rate:.10g}/s"
    plain = {key: value for key, value in raw.items() if key not in ("sweep", "quick", "load")}
    if kept.get("arrival") == "ramp":
        raise ScenarioError(
            f'{source}: the highest rate is searched with steady arrivals, `load.arrival` is "ramp"',
            remedy="Add `--set load.arrival=poisson` or `constant`.",
        )
    return decode({**plain, "load": {**kept, "model": "open", "rate": text}}, source)


def restore_scenarios(plan: Plan, raw: Raw, source: str) -> dict[str, Scenario]:
    """Return the scenario of each trial of a stored plan; raises ``ValueError`` where it does not follow from ``raw``.

    The trials of a grid are determined, those of a plan that grew only by their treatments.
    """
    if plan.design == "grid":
        expected, scenarios = expand(raw, source)
        if plan.trials != expected.trials:
            raise ValueError("its trials are others")
        return scenarios
    cells: dict[frozenset[tuple[str, Level]], Scenario] = {}
    if plan.design == "capacity":
        for one in plan.treatments:
            treated = offer(raw, source, float(one["load.rate"]))
            cells[frozenset(identify(treated, {}).items())] = treated
    else:
        for levels in combinations(decode(raw, source)):
            treated = treat(raw, levels, source)
            cells[frozenset(identify(treated, levels).items())] = treated
    strange = [trial.id for trial in plan.trials if frozenset(trial.treatment.items()) not in cells]
    if strange:
        raise ValueError(f"trial {strange[0]} is no treatment of the scenario")
    return {trial.id: cells[frozenset(trial.treatment.items())] for trial in plan.trials}
