"""What was swept: the measurements of all operations together, and what the budgets say of each treatment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from bench.analysis.summary import key_of
from bench.report.tables import Cell, estimate_cell
from bench.report.words import ALL_OPERATIONS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.analysis.measurement import Measurement
    from bench.model.scenario import Level
    from bench.report.charts.heat_map import Mark


@dataclass(frozen=True, slots=True)
class Quantity:
    """What is drawn: a metric with its title and which end of it is good."""

    metric: str
    title: str
    better: Literal["high", "low"]
    unit: str

    def goodness(self, one: Measurement) -> float:
        """Return a number that is larger for the better measurement."""
        return one.metrics[self.metric].point * (1 if self.better == "high" else -1)

    def cell(self, one: Measurement | None) -> Cell:
        """Write a measurement for the table behind a chart."""
        if one is None:
            return estimate_cell(None)
        cell = estimate_cell(one.metrics.get(self.metric, one.refused.get(self.metric)), self.metric)
        return cell if one.valid else Cell(cell.text, f"{cell.note} excluded".strip(), cell.order, "bad")


THROUGHPUT: Final = Quantity("throughput", "Throughput", "high", "1/s")
P95: Final = Quantity("response_time.p95", "Response time p95", "low", "s")


@dataclass(frozen=True, slots=True)
class Sweep:
    """The measurements of all operations together, the treatments that are advised, and what the budgets say of each.

    ``limits`` holds a limit by metric; ``standings`` a mark by metric and treatment.
    """

    measurements: tuple[Measurement, ...]
    advised: tuple[Mapping[str, Level], ...] = ()
    limits: Mapping[str, float] | None = None
    standings: Mapping[tuple[str, object], Mark] | None = None

    @property
    def chosen(self) -> Mapping[str, Level] | None:
        """The advised treatment that charts single out, if there is one."""
        return self.advised[0] if self.advised else None

    @property
    def treatments(self) -> list[dict[str, Level]]:
        """All treatments, as measured."""
        return [one.treatment for one in self.measurements]

    def sound(self, quantity: Quantity) -> list[Measurement]:
        """Return the valid measurements that have the quantity."""
        return [one for one in self.measurements if one.valid and quantity.metric in one.metrics]

    def limit(self, quantity: Quantity) -> float | None:
        """Return the strictest budget on a metric, if there is one."""
        return (self.limits or {}).get(quantity.metric)

    def mark(self, quantity: Quantity, treatment: Mapping[str, Level]) -> Mark:
        """Return what the budgets say of a treatment."""
        return (self.standings or {}).get((quantity.metric, key_of(treatment)), "")


def all_operations(measurements: Sequence[Measurement]) -> tuple[Measurement, ...]:
    """Return the measurements of all operations together."""
    return tuple(one for one in measurements if one.operation == ALL_OPERATIONS)
