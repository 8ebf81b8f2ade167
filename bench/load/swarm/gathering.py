"""What the workers of a swarm brought back, as one trial: their samples joined, and what is missing named.

A lost worker is never averaged away. What it had sent counts. In an open loop its other arrivals are known, because its
intended starts can be drawn again: those before it was last heard of are unfinished, those after it were not sent. In a
closed loop nobody knows what it would have done. Either way the load was not the scenario's, so the trial is invalid.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from bench.load.recorder import COLUMNS
from bench.load.swarm.arrivals import starts_of
from bench.load.swarm.wire import unpack_rows
from bench.load.workers import Collected
from bench.model.facts import Caveat
from bench.model.sample import MISSING_NS, Outcome, Samples
from bench.model.scenario import OpenLoop

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from bench.load.swarm.order import Gathered, Returned
    from bench.model.scenario import Scenario

    Rows = npt.NDArray[np.int64]

SAME_START_NS = 1_000
"""Two drawings of one intended start may differ by rounding on machines of different kinds."""
CLOCK_SHARE = 0.01
"""Share of the window by which workers may have started apart before it is worth a word."""


def join(gathered: Gathered, scenario: Scenario, seed: int, expected: int) -> Collected:
    """Return the trial. Worker numbers are those of the shares."""
    rows = [_rows(worker, scenario, seed) for worker in gathered.workers]
    parts = [
        Samples.from_rows(of_one, worker.share.worker, 0) for of_one, worker in zip(rows, gathered.workers, strict=True)
    ]
    done = [worker for worker in gathered.workers if worker.finished is not None]
    examples = {
        outcome: text
        for worker in reversed(done)
        if worker.finished
        for outcome, text in worker.finished.examples.items()
    }
    facts = tuple(
        msgspec.structs.replace(worker.finished.facts, host=worker.host) for worker in done if worker.finished
    )
    return Collected(Samples.concatenate(parts), facts, examples, tuple(_doubts(gathered, scenario, expected)))


def _rows(worker: Returned, scenario: Scenario, seed: int) -> Rows:
    received = [unpack_rows(part) for part in worker.parts]
    rows = np.concatenate([np.empty((0, COLUMNS), np.int64), *received])
    if worker.finished is not None or not isinstance(scenario.load, OpenLoop):
        return rows
    length_ns = scenario.run.warmup + scenario.run.window
    starts = starts_of(scenario.load, worker.share, seed, length_ns)
    unknown = starts[~_among(starts, np.sort(rows[:, 0]))]
    books = np.full((len(unknown), COLUMNS), MISSING_NS, np.int64)
    books[:, 0] = unknown
    books[:, 5] = 0  # which operation it would have been is not known
    books[:, 6] = np.where(unknown < worker.heard_ns, int(Outcome.UNFINISHED), int(Outcome.NOT_SENT))
    return np.concatenate([rows, books])


def _among(wanted: Rows, known: Rows) -> npt.NDArray[np.bool_]:
    """Tell which instants are, but for rounding, among the sorted known ones."""
    if not known.size:
        return np.zeros(len(wanted), dtype=np.bool_)
    after = np.minimum(np.searchsorted(known, wanted), known.size - 1)
    before = np.maximum(after - 1, 0)
    nearest = np.minimum(np.abs(known[after] - wanted), np.abs(known[before] - wanted))
    found: npt.NDArray[np.bool_] = nearest <= SAME_START_NS
    return found


def _doubts(gathered: Gathered, scenario: Scenario, expected: int) -> Iterator[Caveat]:
    total = len(gathered.workers)
    lost = [worker for worker in gathered.workers if worker.finished is None]
    if lost:
        yield _lost(lost, total, scenario)
    came = total + len(gathered.idle)
    if came < expected:
        yield Caveat(
            code="missing-workers",
            text=f"{came} of {expected} expected workers were there when the trial began; they carried the whole load",
            cure="Start the missing ones again; look at their machines for why they ended.",
        )
    if gathered.idle:
        yield Caveat(
            code="idle-workers",
            text=f"{len(gathered.idle)} of {came} workers had nothing to do: there are fewer connections or clients "
            "than workers",
            cure="Use fewer workers, or a larger `pool.size`.",
        )
    if gathered.late:
        yield Caveat(
            code="late-workers",
            text=f"{len(gathered.late)} workers came when the trial had begun, and carried no load in it: "
            f"{', '.join(gathered.late)}",
            cure="Have the master wait for all of them with `--expect-workers`.",
        )
    yield from _apart(gathered, scenario)


def _lost(lost: list[Returned], total: int, scenario: Scenario) -> Caveat:
    end_ns = scenario.run.warmup + scenario.run.window
    each = "; ".join(
        f"worker {worker.share.worker} on {worker.host}, "
        + (f"which failed: {worker.failed.problem}" if worker.failed else f"last heard of {_when(worker, end_ns)}")
        for worker in lost
    )
    books = (
        "its arrivals from then on stand in the books as unfinished and not sent"
        if isinstance(scenario.load, OpenLoop)
        else f"from then on the load lacked its {sum(worker.share.clients for worker in lost):,} users"
    )
    return Caveat(
        code="lost-workers",
        text=f"{len(lost)} of {total} workers were lost: {each}; what they had sent is counted, and {books}",
        cure="Look at that machine for why the worker ended, then run the trial again.",
        invalidates=True,
    )


def _when(worker: Returned, end_ns: int) -> str:
    return f"{worker.heard_ns / 1e9:.1f} s after the start, of {end_ns / 1e9:.1f} s"


def _apart(gathered: Gathered, scenario: Scenario) -> Iterator[Caveat]:
    """Say when workers cannot have begun together."""
    late_ns = max((worker.finished.late_ns for worker in gathered.workers if worker.finished), default=0)
    if late_ns:
        yield Caveat(
            code="late-start",
            text=f"a worker heard of the start {late_ns / 1e6:.1f} ms after it",
            cure="Look for a slow network between master and workers, or for workers without CPU time.",
            invalidates=late_ns > scenario.run.warmup,
        )
    clock_ns = max((worker.clock_error_ns for worker in gathered.workers), default=0)
    if clock_ns > CLOCK_SHARE * scenario.run.window:
        yield Caveat(
            code="clocks-apart",
            text=f"workers may have started up to {clock_ns / 1e6:.1f} ms apart: so long a message takes to the "
            "farthest of them",
            cure="Lengthen `run.window`, or bring master and workers nearer together. Each response time is measured "
            "by one clock and does not suffer.",
        )
