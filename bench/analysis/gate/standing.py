"""How a run stands against the baseline of its scenario: compared, or why it is not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.analysis.gate.result import GateResult


@dataclass(frozen=True, slots=True)
class Compared:
    """``result`` compares the run with the baseline; budgets are no part of it."""

    name: str
    baseline_id: str
    result: GateResult
    others: tuple[str, ...] = ()
    """Other baselines of the scenario, which were not chosen."""
    later: bool = False
    """True where the baseline ran after this run: what differs happened the other way round."""


@dataclass(frozen=True, slots=True)
class Incomparable:
    """There is a baseline that the run cannot be compared with."""

    name: str
    baseline_id: str
    problem: str
    evidence: str
    remedy: str
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class IsBaseline:
    """The run is itself what others are compared with."""

    name: str


@dataclass(frozen=True, slots=True)
class Unset:
    """The scenario has no baseline; ``free`` is a name that none has yet."""

    free: str


Standing = Compared | Incomparable | IsBaseline | Unset
