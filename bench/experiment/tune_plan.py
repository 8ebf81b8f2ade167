"""What `bench tune` starts from: the scenario's own values, in windows short enough for many pairs."""

from __future__ import annotations

from bench.design.plan import Plan
from bench.experiment.scenario_file import Planned, read_text
from bench.model.scenario_text import Overrides, decode, quick_overrides, read_raw
from bench.model.units import Duration

LONGEST_WINDOW = Duration.parse("2s")
"""Many short windows say more than a few long ones: the unit of a comparison is the pair."""


def plan_tune(name: str, overrides: Overrides, *, quick: bool) -> Planned:
    """Read a scenario whose own values are the start; what it sweeps says which pool sizes to look at first."""
    text, source = read_text(name)
    written = read_raw(text, source)
    own = decode(written, source).run.window
    shorter = Overrides({"run.window": f"{LONGEST_WINDOW.seconds:g}s"} if own > LONGEST_WINDOW else {})
    changes = shorter.then(quick_overrides(written)) if quick else shorter
    changes = changes.then(overrides)
    raw = changes.apply(written, source)
    scenario = decode(raw, source)
    return Planned(text, source, changes, quick, raw, scenario, Plan(scenario.name, (), (), 0, 0.0, "tune"), {})
