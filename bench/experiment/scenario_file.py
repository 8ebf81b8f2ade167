"""A scenario named on the command line: a path, or the name of a shipped one."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.design.plan import expand
from bench.environment.resources import shipped_folder
from bench.model.errors import ScenarioError
from bench.model.inclusion import attach, shares
from bench.model.scenario_text import decode, quick_overrides, read_raw, read_table

if TYPE_CHECKING:
    from bench.design.plan import Plan
    from bench.model.scenario import Scenario
    from bench.model.scenario_text import Overrides, Raw

MOST_BYTES = 1_000_000
"""A scenario larger than this is a mistake, such as a data file named by accident."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A scenario ready to run: its text as written, what was overridden, and its trials."""

    text: str
    source: str
    overrides: Overrides
    quick: bool
    raw: Raw
    scenario: Scenario
    plan: Plan
    treated: dict[str, Scenario]
    """The scenario of each trial, by the trial's id."""


def plan_scenario(text: str, source: str, overrides: Overrides, *, quick: bool) -> Planned:
    """Decode a scenario's text, apply what the command line changes, and lay out its trials."""
    written = read_raw(text, source)
    changes = quick_overrides(written).then(overrides) if quick else overrides
    raw = changes.apply(written, source)
    plan, treated = expand(raw, source)
    return Planned(text, source, changes, quick, raw, decode(raw, source), plan, treated)


def read_scenario(name: str, overrides: Overrides, *, quick: bool) -> Planned:
    """Read and plan the scenario at a path, or the shipped one of that name."""
    text, source = read_text(name)
    return plan_scenario(text, source, overrides, quick=quick)


def read_text(name: str) -> tuple[str, str]:
    """Return a scenario's text, with those it includes, and the path it was read from, as errors name it."""
    path = find_scenario(name)
    text = _read(path)
    included = {}
    for other in shares(read_table(text, str(path)), str(path)):
        beside = path.parent / f"{other}.toml"
        included[other] = _read(beside if beside.is_file() else find_scenario(other))
        decode(read_table(included[other], f"{path}, which includes {other}"), f"{path}, which includes {other}")
    return attach(text, included), str(path)


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ScenarioError(f"{path}: larger than {MOST_BYTES} bytes", remedy="Name a scenario file, not data.")
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ScenarioError(f"{path}: cannot be read: {error}", remedy="Check the path and its permissions.") from None


def find_scenario(name: str) -> Path:
    """Return the path; raises ``ScenarioError`` with the nearest shipped name."""
    path = Path(name)
    if path.is_file():
        return path
    shipped = {file.stem: file for file in sorted(shipped_folder("scenarios").glob("*.toml"))}
    if path.stem in shipped and path.suffix in ("", ".toml") and path.parent in (Path(), Path("scenarios")):
        return shipped[path.stem]
    near = difflib.get_close_matches(path.stem, list(shipped), n=1)
    hint = f"Did you mean `{near[0]}`? " if near else ""
    raise ScenarioError(
        f"{name}: no such scenario file", remedy=f"{hint}Give a path or one of the shipped: {', '.join(shipped)}."
    )
