"""What `bench tune` may try, and the document of what it tried, as ``tuning.json`` holds it."""

from __future__ import annotations

import msgspec

from bench.analysis.measurement import ALL_OPERATIONS, Patch
from bench.analysis.tuning.write_cost import WriteCost
from bench.model.change import Change

CHANGE = "change"
"""Key of a treatment that names the side of a comparison."""
START = "start"
SCOUT = "scout"
COMBINATION = "combination"


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """One change that may help. ``id`` names its trials; ``rule`` and ``why`` say where the idea comes from."""

    id: str
    title: str
    rule: str
    why: str
    source: str
    change: Change
    patch: Patch
    operation: str = ALL_OPERATIONS
    """The operation that it should help; its response time decides."""
    caution: str = ""
    """What the change costs or risks besides, in one sentence."""


class NotTried(msgspec.Struct, frozen=True, kw_only=True):
    """An idea that could not be applied here, with the reason."""

    title: str
    reason: str


class Tuning(msgspec.Struct, frozen=True, kw_only=True):
    """The course of a tuning. Numbers that decide stand in the trials; this says what they were for."""

    candidates: tuple[Candidate, ...] = ()
    not_tried: tuple[NotTried, ...] = ()
    failed: dict[str, str] = {}
    """Why a candidate could not be measured, by its id."""
    combined: tuple[str, ...] = ()
    """Ids of the candidates in the combination that was measured."""
    write_costs: dict[str, tuple[WriteCost, ...]] = {}
    """What the indexes of a proven candidate cost those who write, by its id."""
    budget_s: float = 0.0
    spent_s: dict[str, float] = {}
    """Wall time by step of the tuning."""
    work_s: dict[str, float] = {}
    """The same time by kind of work: windows, what is around them, clones, settings, write costs, the rest."""
    window_s: float = 0.0
    """Measurement window of the pairs, longer than the scenario's where operations are slow; 0 is the scenario's."""
    out_of_time: bool = False

    @property
    def family(self) -> int:
        """Number of comparisons that the error is shared by: each candidate and the combination, two metrics each."""
        return 2 * (len(self.candidates) + 1)

    def find(self, identity: str) -> Candidate:
        """Return a candidate; raises ``KeyError``."""
        for candidate in self.candidates:
            if candidate.id == identity:
                return candidate
        raise KeyError(identity)
