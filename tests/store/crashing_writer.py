"""A program that writes runs, to be killed: with ``<folder>`` for ever, with ``<folder> calls`` dying at every call.

In the second form a child is forked for each n: it writes a whole run into ``<folder>/<n>`` and kills itself with
SIGKILL just before its n-th call of fsync, rename or the like. Ends with the first child that gets through.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
from pathlib import Path
from typing import Any

from bench.store import runs
from tests.store import examples

CALLS = ("fsync", "rename", "replace", "mkdir", "unlink")


def write_run(root: Path) -> None:
    """Write a run with two trials and one failure, telling each one that is safe on standard output."""
    with runs.create(root, examples.RUN, examples.SCENARIO_TEXT, examples.PLAN, examples.HOST) as writer:
        for trial in writer.pending()[:2]:
            writer.add_trial(trial, examples.facts_of(trial), examples.samples_of(), [], examples.CLOSED)
            (root / f"{trial.id}.safe").touch()
        writer.fail_trial(writer.pending()[0], "gone")
        writer.finish()


def die_before(number: int) -> None:
    """Kill this process at its ``number``-th call that changes the disk."""
    count = itertools.count(1)

    def guarded(call: Any) -> Any:
        def run(*args: Any, **options: Any) -> Any:
            if next(count) == number:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*args, **options)

        return run

    for name in CALLS:
        setattr(os, name, guarded(getattr(os, name)))


def die_everywhere(root: Path) -> None:
    """Fork a child for every call there is."""
    for number in itertools.count(1):
        folder = root / f"{number:03d}"
        folder.mkdir()
        child = os.fork()
        if child == 0:
            die_before(number)
            write_run(folder / "results")
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status):
            sys.exit(os.waitstatus_to_exitcode(status))


def write_for_ever(root: Path) -> None:
    """Add the trials of one run after another until somebody kills us."""
    while True:
        writer = runs.create(root, examples.RUN, examples.SCENARIO_TEXT, examples.PLAN, examples.HOST)
        for trial in writer.pending():
            writer.add_trial(trial, examples.facts_of(trial), examples.samples_of(20_000), [], examples.CLOSED)
            print(writer.path.name, trial.id, flush=True)  # noqa: T201 - the parent reads it


if __name__ == "__main__":
    (die_everywhere if "calls" in sys.argv else write_for_ever)(Path(sys.argv[1]))
