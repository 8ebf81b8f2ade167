"""One fault after the other: break, wait for the end, look, take the run up again, look again."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

from tests.faults.table import Row, judge, labels_of, outcomes_of, recovery_of, trials_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.faults.bed import Bed, Running
    from tests.faults.faults import Fault

TOLD = {
    "running",
    "interrupted",
    "failed",
    "finished",
    "server-lost",
    "pooler-lost",
    "second-try",
    "trials-failed",
    "outage",
    "errors",
    "resumed",
    "clock-stepped",
}
"""The labels that speak of faults; others speak of the workload."""


def provoke(bed: Bed, fault: Fault) -> Row:
    """Run one fault to its end and return its row."""
    with contextlib.closing(fault.story(bed)) as story:
        running = next(story)
        try:
            return _follow(bed, fault, story, running)
        finally:
            if running.process.poll() is None:
                running.process.kill()
                running.end()


def _follow(bed: Bed, fault: Fault, story: Iterator[Running], running: Running) -> Row:
    before = _kept(running)
    code = running.end()
    if fault.promise.refused:
        told = any(line.startswith("error: ") for line in running.said)
        row = Row(fault.name, "none had begun", (), None, {}, code, "not needed", tuple(bed.left_behind(running)))
        return judge(row, fault.promise, kept=told, complete=not list((running.folder / "results").glob("2*")))
    run = _run_folder(running)
    labels, finished = labels_of(run), trials_of(run)
    kept = all(finished.get(name) == data for name, data in before.items())
    left = bed.left_behind(running)
    next(story, None)  # mends what was broken
    resumed = "not needed"
    if fault.promise.resumed:
        bed.resume(running, attached=fault.attached)
        run = _run_folder(running)
        again = trials_of(run)
        kept &= all(again.get(name) == data for name, data in finished.items())
        labels |= labels_of(run)
        left += [what for what in bed.left_behind(running) if what not in left]
        resumed = f"{len(again)} of {bed.trials} trials"
    complete = len(trials_of(run)) == bed.trials or (fault.promise.exit_codes == (3,) and not fault.promise.resumed)
    row = Row(
        fault=fault.name,
        kept=f"{len(before)} of {len(before)}" if kept else "no",
        labelled=tuple(sorted(labels & (TOLD | set(fault.promise.labels)))),
        recovered_s=recovery_of(run),
        outcomes=outcomes_of(run),
        exit_code=code,
        resumed=resumed,
        left_behind=tuple(left),
    )
    judged = judge(row, fault.promise, kept=kept, complete=complete)
    if not judged.met:
        sys.stderr.write("".join(running.said[-25:]))
    return judged


def _kept(running: Running) -> dict[str, bytes]:
    """Return the trials that were finished when the fault had struck."""
    found = _runs(running)
    return trials_of(found[0]) if found else {}


def _run_folder(running: Running) -> Path:
    """Return the run's folder; where two ran at once, the first."""
    found = _runs(running)
    if not found:
        raise AssertionError("".join(running.said))
    return found[0]


def _runs(running: Running) -> list[Path]:
    """Return the runs in the order of their ids, which a run keeps when it is finished and renamed."""
    return sorted((running.folder / "results").glob("2*"), key=lambda path: path.name.removesuffix(".partial"))
