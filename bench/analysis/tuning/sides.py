"""The two sides of a comparison as trials: what each runs, and how its treatment is named."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from bench.analysis.tuning.candidate import CHANGE, SCOUT, START
from bench.design.interleave import changed_first
from bench.design.plan import Trial, identify, treat
from bench.design.scouting import SIZE
from bench.model.change import Change, join
from bench.model.units import Duration

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.analysis.tuning.candidate import Tuning
    from bench.model.scenario import Level, Scenario
    from bench.model.scenario_text import Raw


def change_of(treatment: Mapping[str, Level], tuning: Tuning) -> Change:
    """Return what a side changes; raises ``KeyError`` for a candidate that the tuning does not know."""
    match treatment[CHANGE]:
        case "start":
            return Change()
        case "scout":
            return Change(scenario={SIZE: treatment[SIZE]})
        case "combination":
            return join(tuning.find(identity).change for identity in tuning.combined)
        case identity:
            return tuning.find(str(identity)).change


def scenario_of(treatment: Mapping[str, Level], tuning: Tuning, raw: Raw, source: str) -> Scenario:
    """Return the scenario that a side runs, without its sweep; sides of pairs with the window of pairs."""
    scenario = treat(raw, change_of(treatment, tuning).scenario, source)
    if treatment[CHANGE] == SCOUT or not tuning.window_s:
        return scenario
    run = msgspec.structs.replace(scenario.run, window=Duration(round(tuning.window_s * 1e9)))
    return msgspec.structs.replace(scenario, run=run)


def side(identity: str, change: Change, raw: Raw, source: str) -> dict[str, Level]:
    """Name a treatment: ``start``, ``scout``, ``combination`` or a candidate's id stands beside what always does."""
    return {**identify(treat(raw, change.scenario, source), change.scenario), CHANGE: identity}


def scouting_trials(raw: Raw, source: str, sizes: Sequence[int], seed: int, rounds: int) -> list[Trial]:
    """Return the first look: every pool size once a round, every other round from the other end."""
    trials = []
    for block in range(1, rounds + 1):
        for place, size in enumerate(sizes if block % 2 else reversed(sizes), 1):
            treatment = side(SCOUT, Change(scenario={SIZE: size}), raw, source)
            trials.append(Trial(f"scout-b{block:02d}-t{place:02d}", block, treatment, seed + block))
    return trials


def pair_trials(
    identity: str, change: Change, raw: Raw, source: str, *, first: int, pairs: int, block: int, seed: Sequence[int]
) -> list[Trial]:
    """Return the next pairs of a candidate in ABBA order; ``first`` counts its pairs from 1, ``block`` those of all.

    Both sides of a pair draw the same arguments.
    """
    trials = []
    for offset, leads in enumerate(changed_first(seed, first, pairs)):
        sides = [(START, Change()), (identity, change)]
        for name, what in reversed(sides) if leads else sides:
            trial = Trial(
                f"{identity}-p{first + offset:02d}-{'start' if name == START else 'change'}",
                block + offset,
                side(name, what, raw, source),
                (seed[0] * 7919 + block + offset) % 2**31,
            )
            trials.append(trial)
    return trials
