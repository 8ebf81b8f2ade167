"""Progress of a run: a bar with an ETA on a terminal, plain lines elsewhere. Always on stderr."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType
    from typing import Self

    from bench.design.plan import Plan, Trial
    from bench.model.scenario import Level


def describe(treatment: Mapping[str, Level]) -> str:
    """Write a treatment on one line, leaving out what every reader expects."""
    return ", ".join(f"{key.rpartition('.')[2]} {level}" for key, level in treatment.items())


class _Lines:
    """Plain lines for a log: one per trial, with the time still needed."""

    def __init__(self) -> None:
        self._total = self._done = 0
        self._started = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        del kind, error, trace

    def note(self, text: str) -> None:
        click.echo(text, err=True)

    def planned(self, plan: Plan) -> None:
        self._total, self._done, self._started = len(plan.trials), 0, time.monotonic()
        if self._total > 1:  # a search that goes one by one need not say so each time
            click.echo(f"{self._total} trials, about {plan.estimated_s:.0f} s", err=True)

    def trial_finished(self, trial: Trial, throughput: float) -> None:
        self._advance(trial, f"{throughput:,.0f}/s")

    def trial_failed(self, trial: Trial, problem: str) -> None:
        self._advance(trial, f"failed: {problem}")

    def _advance(self, trial: Trial, outcome: str) -> None:
        self._done += 1
        left = (time.monotonic() - self._started) / self._done * (self._total - self._done)
        click.echo(f"[{self._done}/{self._total}] {describe(trial.treatment)}: {outcome}, {left:.0f} s left", err=True)


class _Bar(_Lines):
    """A live bar for a terminal."""

    def __init__(self) -> None:
        super().__init__()
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._task = self._progress.add_task("trials", total=None, visible=False)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def note(self, text: str) -> None:
        self._progress.console.print(text, markup=False, highlight=False)

    def planned(self, plan: Plan) -> None:
        self._progress.update(self._task, total=len(plan.trials), completed=0, visible=True)

    def _advance(self, trial: Trial, outcome: str) -> None:
        self._progress.update(self._task, advance=1, description=f"{describe(trial.treatment)}: {outcome}")


def choose_progress() -> _Lines:
    """Return a bar on a terminal and plain lines elsewhere."""
    return _Bar() if sys.stderr.isatty() else _Lines()
