"""Parts of a sweep that get charts of their own: one for each combination of the factors no chart has an axis for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bench.report.sections.sweep import Sweep
from bench.report.words import describe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.analysis.measurement import Measurement

MOST_FACETS: Final = 4


@dataclass(frozen=True, slots=True)
class Facet:
    """One part; a sweep that is not divided has no label. ``number`` keeps anchors apart."""

    sweep: Sweep
    label: str = ""
    number: int = 0

    @property
    def suffix(self) -> str:
        """What tells its anchors from those of the other parts."""
        return f"-{self.number}" if self.number else ""

    def titled(self, title: str) -> str:
        """Add the part to a chart's title."""
        return f"{title} ({self.label})" if self.label else title


def split_facets(sweep: Sweep, others: Sequence[str]) -> list[Facet]:
    """Divide by the levels of the other factors: the advised part first, at most ``MOST_FACETS``."""
    if not others:
        return [Facet(sweep)]
    groups: dict[str, list[Measurement]] = {}
    for one in sweep.measurements:
        groups.setdefault(describe(one.treatment, others), []).append(one)
    advised = describe(sweep.chosen, others) if sweep.chosen is not None else ""
    order = sorted(groups, key=lambda label: label != advised)[:MOST_FACETS]
    return [
        Facet(
            Sweep(
                tuple(groups[label]),
                tuple(one for one in sweep.advised if describe(one, others) == label),
                sweep.limits,
                sweep.standings,
            ),
            label,
            number,
        )
        for number, label in enumerate(order, 1)
    ]
