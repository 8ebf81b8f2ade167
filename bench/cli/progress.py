"""Progress of a run: a bar with the time left on a terminal, plain lines elsewhere. Always on stderr."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn

from bench.analysis.wording import count
from bench.cli.output import note
from bench.cli.screen import shown
from bench.report.numbers import rough_span
from bench.report.words import describe, reveal

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

    from rich.progress import Task
    from rich.text import Text

    from bench.design.plan import Plan, Trial


class Pace:
    """Tells how long the trials that are left will take: as the plan says at first, then as long as those before."""

    def __init__(self, trials: int, estimated_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._began_s = clock, clock()
        self.total, self._done = trials, 0
        self._each_s = estimated_s / max(1, trials)
        self._last_s = self._began_s

    def finish_one(self) -> None:
        """Learn from a trial that has just ended."""
        self._done += 1
        self._last_s = self._clock()
        self._each_s = (self._last_s - self._began_s) / self._done

    @property
    def left_s(self) -> float:
        """Seconds until the last trial will have ended; never below zero."""
        return max(0.0, self._each_s * (self.total - self._done) - (self._clock() - self._last_s))


class _Lines:
    """Plain lines for a log: one per trial, with the time still needed where that is known."""

    def __init__(self) -> None:
        self._done = 0
        self._pace: Pace | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        del kind, error, trace

    def note(self, text: str) -> None:
        note(text)

    def planned(self, plan: Plan, *, growing: bool) -> None:
        if not growing:  # else it counts on: nobody knows yet how many there will be
            self._pace, self._done = Pace(len(plan.trials), plan.estimated_s), 0
            self._begin(plan)

    def trial_finished(self, trial: Trial, throughput: float) -> None:
        self._advance(f"{describe(trial.treatment)}: {throughput:,.0f}/s")

    def trial_failed(self, trial: Trial, problem: str) -> None:
        self._advance(f"{describe(trial.treatment)}: failed: {problem}")

    def _advance(self, outcome: str) -> None:
        self._done += 1
        if self._pace is not None:
            self._pace.finish_one()
        self._show(outcome)

    @property
    def _left(self) -> str:
        """What the plan and the trials so far say of the time left; empty where nobody knows."""
        return "" if self._pace is None else f"{rough_span(self._pace.left_s)} left"

    def _begin(self, plan: Plan) -> None:
        note(f"{count(len(plan.trials), 'trial')}, about {rough_span(plan.estimated_s)}")

    def _show(self, outcome: str) -> None:
        if self._pace is None:
            note(f"[{self._done}] {outcome}")
        else:
            note(f"[{self._done}/{self._pace.total}] {outcome}, {self._left}")


class _TimeLeft(ProgressColumn):
    """The time left, read anew each time the bar is drawn."""

    def __init__(self, left: Callable[[], str]) -> None:
        self._left = left
        super().__init__()

    def render(self, task: Task) -> Text:
        del task
        return shown(self._left())


class _Bar(_Lines):
    """A live bar for a terminal."""

    def __init__(self) -> None:
        super().__init__()
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            _TimeLeft(lambda: self._left),
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
        self._progress.console.print(reveal(text), markup=False, highlight=False)

    def planned(self, plan: Plan, *, growing: bool) -> None:
        super().planned(plan, growing=growing)
        self._progress.update(self._task, visible=True)

    def trial_failed(self, trial: Trial, problem: str) -> None:
        self.note(f"{describe(trial.treatment)}: failed: {problem}")  # the bar goes, and the reason with it
        super().trial_failed(trial, "see above")

    def _begin(self, plan: Plan) -> None:
        self._progress.update(self._task, total=len(plan.trials), completed=0)

    def _show(self, outcome: str) -> None:
        self._progress.update(self._task, completed=self._done, description=reveal(outcome))


def choose_progress() -> _Lines:
    """Return a bar on a terminal and plain lines elsewhere."""
    return _Bar() if sys.stderr.isatty() else _Lines()
