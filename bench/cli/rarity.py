"""Operations of a mix that will run too rarely for their percentiles, said before anything runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.cli.output import tell
from bench.design.expectation import find_rare

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.design.expectation import Rare
    from bench.experiment.scenario_file import Planned
    from bench.model.scenario import Scenario

_MOST = 5


def treatments_of(planned: Planned) -> list[Scenario]:
    """Return one scenario for each treatment."""
    return [planned.treated[trial.id] for trial in planned.plan.trials if trial.block == 1]


def print_rare(rare: Sequence[Rare], *, err: bool = False) -> None:
    """Print the rarest operations, a line each."""
    for one in rare[:_MOST]:
        tell(f"rare: {one}", fg="yellow", err=err)
    if left := len(rare[_MOST:]):
        tell(f"rare: and {left} more operations; the first window is long enough for all", fg="yellow", err=err)


def warn_of_rare(planned: Planned) -> None:
    """Warn on the error stream, before a run, of the operations whose percentiles it will not be able to tell."""
    print_rare(find_rare(treatments_of(planned)), err=True)
