"""The plan of a stored run again: scenario as it ran, overrides, and the scenario of each trial."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.analysis.tuning.sides import scenario_of
from bench.design.growth import offer, restore_scenarios
from bench.experiment.scenario_file import Planned
from bench.model.errors import StoreError
from bench.model.scenario_text import decode, read_raw

if TYPE_CHECKING:
    from bench.store.reader import RunReader


def restore(reader: RunReader) -> Planned:
    """Read what a run was made from; raises ``StoreError`` where plan and scenario do not belong together."""
    facts, plan = reader.facts, reader.plan
    source = str(reader.path / "scenario.toml")
    raw = facts.overrides.apply(read_raw(reader.scenario_text, source), source)
    scenario = offer(raw, source) if plan.design == "capacity" else decode(raw, source)
    if facts.reported:
        return Planned(reader.scenario_text, source, facts.overrides, facts.quick, raw, scenario, plan, {})
    try:
        if plan.design == "tune":
            tuning = reader.tuning
            treated = {trial.id: scenario_of(trial.treatment, tuning, raw, source) for trial in plan.trials}
        else:
            treated = restore_scenarios(plan, raw, source)
    except (KeyError, ValueError) as error:
        raise StoreError(
            f"{reader.path}: the plan does not follow from the scenario: {error}",
            evidence="scenario.toml or plan.json was changed after the run",
            remedy="Restore both files; raw data are written once.",
        ) from None
    return Planned(reader.scenario_text, source, facts.overrides, facts.quick, raw, scenario, plan, treated)
