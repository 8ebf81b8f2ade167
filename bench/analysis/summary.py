"""One trial, reduced: everything later stages need, without its samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.analysis.measurement import ALL_OPERATIONS

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    import numpy.typing as npt

    from bench.analysis.distribution import Distribution
    from bench.analysis.disturbances import Recovery
    from bench.analysis.split import Split
    from bench.design.plan import Trial
    from bench.model.facts import Caveat, TrialFacts
    from bench.model.scenario import Level, Scenario

    Series = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class OperationSummary:
    """One operation, or ``*`` for all together, in one trial. Rates in 1/s."""

    name: str
    outcomes: Mapping[str, int]
    """Operations by outcome label."""
    throughput: float
    offered_rate: float | None
    """None where the load model offers no rate."""
    durations: Mapping[str, Distribution]
    """By name of ``bench.model.sample.DURATIONS``, good operations only."""
    cycle_s: float | None
    """Mean of intended start to release over all operations that ended in the window, good or bad."""
    ended_rate: float
    """Operations that ended in the window, good or bad, per second."""
    throughput_blocks: Series
    """Good completions per second in equal blocks of the window."""
    response_blocks_s: Series
    """Mean response time of good operations in the same blocks; blocks without any are left out."""
    failure_blocks: Series
    """Operations that did not end well, per second in the same blocks; those that never ended stand in the last."""
    split: Split
    caveats: tuple[Caveat, ...] = ()
    retries: float | None = None
    """Attempts made again per operation, over the whole trial; None where the scenario retries nothing."""

    @property
    def total(self) -> int:
        """All operations of the window."""
        return sum(self.outcomes.values())

    @property
    def error_rate(self) -> float:
        """Share of operations that did not end well; 0 where there was none."""
        return 1 - self.outcomes.get("ok", 0) / self.total if self.total else 0.0


@dataclass(frozen=True, slots=True, eq=False)
class TrialSummary:
    """One trial. ``operations`` begins with ``*``."""

    trial: Trial
    scenario: Scenario
    facts: TrialFacts
    window_s: float
    operations: Mapping[str, OperationSummary]
    concurrency: float
    """Operations between intended start and release, averaged over the window's time."""
    in_use: float
    """Connections between acquisition and answer, averaged over the window's time.

    The release is left out: a pool hands a connection to the next waiter before the call that gave it back returns, so
    with the release the uses of one connection would overlap and seem more than the pool has.
    """
    pending: float
    """Operations waiting for a connection of the pool, averaged over the window's time."""
    arrivals: int
    """Operations whose intended start lies in the window."""
    departures: int
    """Operations that left in the window."""
    round_trips: float | None
    """Queries pgBouncer counted per operation; see ``split.count_per_operation``."""
    assignments: float | None
    """Server connections pgBouncer assigned per operation."""
    caveats: tuple[Caveat, ...] = ()
    recoveries: tuple[Recovery, ...] = ()
    """How users fared after what the run did on purpose."""

    @property
    def everything(self) -> OperationSummary:
        """All operations together."""
        return self.operations[ALL_OPERATIONS]

    def valid_for(self, operation: str = ALL_OPERATIONS) -> bool:
        """Tell whether nothing takes this trial out of advice and gates for an operation."""
        return not any(caveat.invalidates for caveat in (*self.caveats, *self.operations[operation].caveats))


def key_of(treatment: Mapping[str, Level]) -> frozenset[tuple[str, Level]]:
    """Return what identifies a treatment, whatever the order of its keys."""
    return frozenset(treatment.items())
