"""The values a gate answers with."""

from __future__ import annotations

from typing import Literal

import msgspec

from bench.analysis.gate.identity import Difference
from bench.analysis.measurement import Judgement
from bench.model.scenario import Level
from bench.stats.estimate import Estimate

Kind = Literal["budget", "comparison", "plan"]
Change = Literal["", "regression", "improvement", "equivalent", "not worse", "inconclusive"]
"""``not worse``: whether anything changed is not known, but no change for the worse that matters is possible."""


class GateLine(msgspec.Struct, frozen=True, kw_only=True):
    """One question and its answer: a budget, a metric against the baseline, or the plans against the baseline's.

    ``name`` is the budget's text or the metric; ``observed`` is the candidate's value. A comparison has the
    ``baseline``'s value, the ``ratio`` candidate / baseline (for shares the ``difference``), the relative ``margin``
    within which a change does not matter, and ``p``, adjusted for all comparisons of the gate.
    """

    kind: Kind
    name: str
    operation: str
    treatment: dict[str, Level]
    verdict: Judgement
    reason: str
    unit: str = ""
    observed: Estimate | None = None
    baseline: Estimate | None = None
    ratio: Estimate | None = None
    difference: Estimate | None = None
    margin: float | None = None
    p: float | None = None
    change: Change = ""
    limit: float | None = None
    counts: bool = True
    confirmed: bool | None = None
    """None where nothing failed or no rerun was asked for."""


class GateResult(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of a gate: fail if any line that counts fails, else inconclusive if any is, else pass."""

    verdict: Judgement
    scenario: str
    run_id: str
    baseline: str | None
    lines: tuple[GateLine, ...]
    allowed: tuple[Difference, ...] = ()
    """Differences between the sides that the user allowed."""
    notes: tuple[str, ...] = ()
    """What a reader must know of the judgement: noise that is not known, trials left out, no rerun."""
    paired: bool = False
    """True where both sides ran interleaved in one job."""
