"""Which operations count for a trial, and in what.

The measurement window is ``[window_start_ns, window_end_ns)``.

Closed loop and users: an operation belongs to the window if it *ended* in it, well or badly; operations that never
ended belong to it too, because they occupied a client. The clients' next arrival depends on the last answer, so a
selection by start would favour short operations at the end of the window.

Open loop: an operation belongs to the window if its *intended start* lies in it, whenever it ended and whether it was
sent at all. The arrivals are given, so nothing that a stall delays or prevents can leave the books.

Throughput is in both cases the number of good completions inside the window: what was asked in the window but answered
during the drain after it was not achieved in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bench.model.sample import MISSING_NS, Outcome
from bench.model.scenario import OpenLoop

if TYPE_CHECKING:
    import numpy.typing as npt

    from bench.model.facts import TrialFacts
    from bench.model.sample import Nanoseconds, Samples
    from bench.model.scenario import Load

    Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """Row masks over a trial's samples, and the times that place the counted rows inside the window."""

    start_ns: int
    end_ns: int
    counted: Mask
    """Operations whose outcome belongs to the window."""
    good: Mask
    """Those of them that ended well: the latency distribution."""
    completed: Mask
    """Good completions inside the window: the throughput."""
    placed_ns: Nanoseconds
    """Instant that places a row in a block: completion, or intended start in an open loop."""

    @property
    def length_s(self) -> float:
        """Length of the window in seconds."""
        return (self.end_ns - self.start_ns) / 1e9


def select(samples: Samples, facts: TrialFacts, load: Load) -> Window:
    """Apply the selection described above."""
    start, end = facts.window_start_ns, facts.window_end_ns
    ended = between(samples.completed_ns, start, end)
    ok = samples.outcome == Outcome.OK
    if isinstance(load, OpenLoop):
        counted = between(samples.intended_ns, start, end)
        placed = samples.intended_ns
    else:
        endless = (samples.outcome == Outcome.UNFINISHED) | (samples.outcome == Outcome.NOT_SENT)
        counted = np.where(endless, samples.intended_ns < end, ended)
        placed = samples.completed_ns
    return Window(start, end, counted, counted & ok, ended & ok, placed)


def between(instants_ns: Nanoseconds, start_ns: int, end_ns: int) -> Mask:
    """Tell which instants exist and lie in ``[start, end)``."""
    inside: Mask = (instants_ns != MISSING_NS) & (instants_ns >= start_ns) & (instants_ns < end_ns)
    return inside


def ends_ns(samples: Samples, end_ns: int) -> Nanoseconds:
    """Return when each operation left: released, else completed, else not before the end of the window."""
    left = np.where(samples.released_ns != MISSING_NS, samples.released_ns, samples.completed_ns)
    return np.where(left != MISSING_NS, left, np.maximum(end_ns, samples.intended_ns))


def time_average(begins_ns: Nanoseconds, ends: Nanoseconds, window: Window) -> float:
    """Return the mean number of intervals open at once in the window; what sticks out of it is cut off."""
    overlap = np.minimum(ends, window.end_ns) - np.maximum(begins_ns, window.start_ns)
    return float(np.maximum(overlap, 0).sum()) / (window.end_ns - window.start_ns)
