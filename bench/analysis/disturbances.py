"""How users fared after what a run did on purpose: until when they were not served as before.

A block of time is as before if nine of ten operations whose intended start lies in it ended well within twice the 95th
percentile of those before the disturbance. Recovery is the first of three such blocks in a row (or of all that are
left); counted from the disturbance's beginning, so that the time it lasted is part of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from bench.analysis.wording import seconds
from bench.model.disturbance import WORDS, Disturbed
from bench.model.facts import Caveat
from bench.model.sample import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.model.facts import TrialFacts
    from bench.model.sample import Samples

SERVED = 0.9
SLOWER = 2.0
IN_A_ROW = 3
BLOCKS = 100
FEWEST_BEFORE = 59
"""Operations before a disturbance from which their 95th percentile can be told."""


class Recovery(msgspec.Struct, frozen=True, kw_only=True):
    """What one disturbance did to the users of one trial."""

    disturbed: Disturbed
    recovered_s: float | None
    """Seconds until users were served as before; None where that did not happen in the window."""
    usual_s: float | None
    """95th percentile of the response times before; None where there were too few to tell."""
    failed: int
    """Operations that were meant to start between the disturbance and the recovery and did not end well."""
    slowest_s: float
    """The longest response time among those that did; 0 where none did."""
    precision_s: float


def recoveries(samples: Samples, facts: TrialFacts) -> tuple[Recovery, ...]:
    """Measure the recovery from each disturbance, until the next one or the window's end."""
    ends = [one.since_ns for one in facts.disturbed[1:]] + [facts.window_end_ns]
    return tuple(_recovery(samples, facts, one, end) for one, end in zip(facts.disturbed, ends, strict=False))


def _recovery(samples: Samples, facts: TrialFacts, disturbed: Disturbed, end_ns: int) -> Recovery:
    since_ns = disturbed.since_ns
    good = samples.outcome == Outcome.OK
    first_ns = facts.disturbed[0].since_ns
    before = (samples.intended_ns >= facts.window_start_ns) & (samples.completed_ns < first_ns) & good
    block_ns = max(1, (facts.window_end_ns - facts.window_start_ns) // BLOCKS)
    response_ns = samples.completed_ns - samples.intended_ns
    usual_ns = float(np.quantile(response_ns[before], 0.95)) if before.sum() >= FEWEST_BEFORE else None
    recovered = None
    after = (samples.intended_ns >= since_ns) & (samples.intended_ns < end_ns)
    if usual_ns is not None:
        place = (samples.intended_ns[after] - since_ns) // block_ns
        blocks = max(1, (end_ns - since_ns) // block_ns)
        well = good[after] & (response_ns[after] <= SLOWER * usual_ns)
        arrived = np.bincount(place, minlength=blocks)[:blocks]
        served = np.bincount(place, weights=well, minlength=blocks)[:blocks]
        recovered = _first_in_a_row((arrived > 0) & (served >= SERVED * arrived))
    until_ns = end_ns if recovered is None else since_ns + recovered * block_ns
    hit = after & (samples.intended_ns < until_ns)
    return Recovery(
        disturbed=disturbed,
        recovered_s=None if recovered is None else recovered * block_ns / 1e9,
        usual_s=None if usual_ns is None else usual_ns / 1e9,
        failed=int((hit & ~good).sum()),
        slowest_s=float(response_ns[hit & good].max(initial=0)) / 1e9,
        precision_s=block_ns / 1e9,
    )


def _first_in_a_row(as_before: np.typing.NDArray[np.bool_]) -> int | None:
    for block in range(len(as_before)):
        if as_before[block : block + IN_A_ROW].all():
            return block
    return None


def tell_recoveries(found: tuple[Recovery, ...], window_start_ns: int) -> Iterator[Caveat]:
    """Return a caveat for each disturbance: the figures of the trial are about it, and how long it was felt."""
    for one in found:
        at = seconds((one.disturbed.since_ns - window_start_ns) / 1e9)
        what = f"{at} into the window {WORDS[one.disturbed.kind]}, as the scenario asks"
        slowest = f"the slowest answer took {seconds(one.slowest_s)}" if one.slowest_s else "none was answered"
        hit = f"{one.failed:,} operations failed, {slowest}"
        if one.usual_s is None:
            told = "too few operations ended before it to tell when users were served as before"
        elif one.recovered_s is None:
            told = f"users were not served as before when the window ended; until then {hit}"
        else:
            told = (
                f"{seconds(one.recovered_s)} later (to {seconds(one.precision_s)}) users were served as before, with "
                f"a p95 near {seconds(one.usual_s)}; until then {hit}"
            )
        yield Caveat(
            code="disturbed",
            text=f"{what}: {told}",
            cure="This is what the scenario measures; leave out `disturbance` for figures of an even load.",
        )
