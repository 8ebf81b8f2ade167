"""What a long run tells while it goes on. The command line draws it; a test collects it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from bench.design.plan import Plan, Trial


class Progress(Protocol):
    """Listener of a run."""

    def note(self, text: str) -> None:
        """Hear of a step that takes time or of a default taken."""
        ...

    def planned(self, plan: Plan, *, growing: bool) -> None:
        """Hear of the trials to come; a ``growing`` plan may go on with others that depend on them."""
        ...

    def trial_finished(self, trial: Trial, throughput: float) -> None:
        """Hear of a finished trial and its operations per second."""
        ...

    def trial_failed(self, trial: Trial, problem: str) -> None:
        """Hear of a trial that could not run."""
        ...


class Silence:
    """Listens and says nothing."""

    def note(self, text: str) -> None:
        """Say nothing."""

    def planned(self, plan: Plan, *, growing: bool) -> None:
        """Say nothing."""

    def trial_finished(self, trial: Trial, throughput: float) -> None:
        """Say nothing."""

    def trial_failed(self, trial: Trial, problem: str) -> None:
        """Say nothing."""
