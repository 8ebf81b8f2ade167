"""What is asked of a comparison, and the terms that follow from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bench.analysis.gate.compare import Terms
from bench.analysis.gate.floors import floors_of_runs
from bench.analysis.gate.identity import check_allowed
from bench.analysis.gate.metrics import COMPARED, Sizes, check_metrics
from bench.experiment.sides import earlier_runs
from bench.model.budget import parse_budget
from bench.model.errors import ScenarioError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bench.analysis.gate.side import Side


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked of a gate, as the command line states it."""

    results_root: Path
    budgets: Sequence[str] = ()
    metrics: Sequence[str] = ()
    allowed: Sequence[str] = ()
    sizes: Sizes = field(default_factory=Sizes)

    def check(self) -> None:
        """Refuse what could never be judged, before anything is read or run; raises ``ScenarioError``."""
        check_allowed(self.allowed)
        check_metrics(self.metrics)
        for text in self.budgets:
            try:
                parse_budget(text)
            except ValueError as error:
                raise ScenarioError(
                    f"`--budget {text}`: {error}", remedy="Correct the budget; `bench gate --help` shows examples."
                ) from None

    def terms(self, candidate: Side, baseline: Side | None) -> Terms:
        """Return metrics, sizes and the noise between the earlier runs of the candidate's scenario."""
        metrics = tuple(self.metrics) or COMPARED
        floors = {}
        if baseline is not None:
            floors = floors_of_runs(earlier_runs(candidate, self.results_root), metrics, self.allowed)
        return Terms(metrics=metrics, sizes=self.sizes, allowed=self.allowed, floors=floors)
