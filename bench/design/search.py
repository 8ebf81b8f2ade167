"""Which trials next? The best pool size of a sweep with far fewer trials than the full grid. Pure.

Throughput over pool size rises to a plateau and may fall again (Gunther's law), so at each load level a few spread
sizes show where it lies, bisection finds its lower edge, and replicates are spent where the intervals still allow
another edge. The highest load decides the answer, so it comes first; every other load level then measures the size that
won there. An unlucky trial cannot mislead for long: the sizes around an edge are always repeated.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from bench.stats.estimate import Refused
from bench.stats.replicates import unpaired_ratio

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

MARGIN = 0.03
"""A smaller pool may cost this share of the best throughput: in this search, and in the answer of the analysis."""
SHARE = 0.4
"""Most trials, as a share of the full grid with all its replicates."""
FEWEST = 2
"""Trials of a size without which it is neither the answer nor its rejected neighbour: one shows no spread."""
DECIDING = 2
"""Times the grid's replicates that a size may have at the highest load, whose edge is the answer."""


class Cell(NamedTuple):
    """One treatment by position: subject (everything else that varies), load level and pool size, both ascending."""

    subject: int
    load: int
    size: int


class Known(NamedTuple):
    """What is known of a cell: trials made, throughputs of those that count, and how the budgets stand."""

    tried: int
    throughputs: tuple[float, ...]
    budgets: Literal["pass", "fail", "inconclusive", "none"] = "none"


UNTRIED = Known(0, ())


@dataclass(frozen=True, slots=True)
class Grid:
    """The full grid: ascending pool sizes, and how many load levels, subjects and replicates."""

    sizes: tuple[float, ...]
    loads: int
    subjects: int
    replicates: int

    @property
    def trials(self) -> int:
        """Trials of the full grid."""
        return len(self.sizes) * self.loads * self.subjects * self.replicates

    @property
    def most(self) -> int:
        """Trials the search may take: ``SHARE`` of the grid, but never fewer than its first look needs twice."""
        first = len(coarse(self.sizes)) * self.loads * self.subjects
        return min(self.trials, max(int(SHARE * self.trials), FEWEST * first))


def coarse(sizes: Sequence[float]) -> tuple[int, ...]:
    """Return positions of the first look: both ends, and about the square root of the number, evenly by ratio."""
    last = len(sizes) - 1
    count = min(len(sizes), max(3, math.isqrt(len(sizes)) + 2))
    wanted = [sizes[0] * (sizes[last] / sizes[0]) ** (step / max(1, count - 1)) for step in range(count)]
    nearest = (min(range(last + 1), key=lambda p: abs(math.log(sizes[p] / size))) for size in wanted)
    return tuple(sorted({0, last, *nearest}))


def propose(grid: Grid, known: Mapping[Cell, Known]) -> tuple[Cell, ...]:
    """Return the trials of the next round, each cell at most once, or nothing: the answer is found.

    The same input gives the same output. Never more than ``grid.most`` trials in all.
    """
    left = grid.most - sum(cell.tried for cell in known.values())
    return open_questions(grid, known)[: max(0, left)]


def open_questions(grid: Grid, known: Mapping[Cell, Known]) -> tuple[Cell, ...]:
    """Return the cells whose next trial would say most, however many trials were made; none if the answer is found."""
    lines = [
        _Line(grid, subject, load, known) for subject in range(grid.subjects) for load in reversed(range(grid.loads))
    ]
    tops = [line for line in lines if line.is_top]
    stages = (
        (cell for line in lines for cell in line.explore()),
        (cell for line in tops for cell in line.settle()),
        (cell for top in tops for cell in _cross_check(top, [one for one in lines if one.subject == top.subject])),
        (cell for line in lines for cell in line.settle()),
    )
    return next((cells for stage in stages if (cells := tuple(dict.fromkeys(stage)))), ())


def _cross_check(top: _Line, lines: Sequence[_Line]) -> list[Cell]:
    """Return what is missing to know at every load the size that won at the highest; where it fails, the next one."""
    for size in range(top.edge or 0, len(top.cells)):
        if top.lacks(size):
            return top.lacks(size)
        if not top.near_best(size):
            continue
        missing = [cell for line in lines for cell in line.lacks(size)]
        doubted = [line for line in lines if line.shown_worse(size)]
        if missing or not doubted:
            return missing
        again = [cell for line in doubted for cell in line.repeat(size)]
        if again:
            return again
    return []


class _Line:
    """What is known of all pool sizes at one load level."""

    def __init__(self, grid: Grid, subject: int, load: int, known: Mapping[Cell, Known]) -> None:
        self.subject = subject
        self.is_top = load == grid.loads - 1
        self.cells = [known.get(Cell(subject, load, size), UNTRIED) for size in range(len(grid.sizes))]
        self._load = load
        self._coarse = coarse(grid.sizes)
        self._most = grid.replicates * (DECIDING if self.is_top else 1)
        self._tried = [size for size, cell in enumerate(self.cells) if cell.tried]
        counting = [size for size in self._tried if self.cells[size].throughputs]
        passing = [size for size in counting if self._may_pass(size)]
        self._candidates = passing or counting
        self._hopeless = not passing
        self._best = max(self._candidates, key=self._mean, default=None)

    def _may_pass(self, size: int) -> bool:
        cell = self.cells[size]
        return cell.budgets in ("pass", "none") or (cell.budgets == "inconclusive" and cell.tried < self._most)

    def _mean(self, size: int) -> float:
        rates = self.cells[size].throughputs
        return sum(rates) / len(rates)

    def near_best(self, size: int) -> bool:
        """Tell whether a measured size is as good as the best, judged by means."""
        return size in self._candidates and self._mean(size) >= (1 - MARGIN) * max(map(self._mean, self._candidates))

    @property
    def edge(self) -> int | None:
        """The smallest measured size that is near the best."""
        return next((size for size in self._candidates if self.near_best(size)), None)

    def explore(self) -> list[Cell]:
        """Return what is missing to bracket the edge and the peak, and to repeat the sizes around the edge."""
        missing = [size for size in self._coarse if size not in self._tried]
        best, edge = self._best, self.edge
        if missing or best is None or edge is None:
            return self._name(missing)
        below = max((size for size in self._tried if size < edge), default=edge)
        probes = self._widest() if self._hopeless else []
        probes = probes or [*_middle(below, edge), *self._fall(best)]
        if probes:
            return self._name([*probes, *self._again([best])])
        return self._name(size for size in (below, edge, best) if self.cells[size].tried < FEWEST)

    def _widest(self) -> list[int]:
        """Return the middle of the widest gap: as long as no size meets the budgets, one that does may lie anywhere."""
        gaps = zip(self._tried, self._tried[1:], strict=False)
        return _middle(*max(gaps, key=lambda gap: gap[1] - gap[0], default=(0, 0)))

    def _fall(self, best: int) -> list[int]:
        """Return the middle of the gap above the best where throughput is known to fall within it."""
        above = min((size for size in self._tried if size > best), default=best)
        return [] if self.near_best(above) else _middle(best, above)

    def settle(self) -> list[Cell]:
        """Return replicates of the sizes up to the edge, and of the best, while their intervals allow another edge."""
        best, edge = self._best, self.edge
        if best is None or edge is None:
            return []
        undecided = [size for size in self._candidates if size <= edge and not self._decided(size)]
        return self._name(self._again([*undecided, *([best] if undecided else [])]))

    def _decided(self, size: int) -> bool:
        cell = self.cells[size]
        if cell.budgets == "inconclusive":
            return False
        if size == self._best:
            return cell.tried >= FEWEST
        below, above = self._beside_best(size)
        return below or above

    def _beside_best(self, size: int) -> tuple[bool, bool]:
        """Tell whether the interval puts a size wholly below what is near the best, or wholly within it."""
        best = self._best if self._best is not None else size
        ratio = unpaired_ratio(self.cells[best].throughputs, self.cells[size].throughputs)
        if isinstance(ratio, Refused):
            return False, False
        return ratio.high < 1 - MARGIN, ratio.low >= 1 - MARGIN

    def shown_worse(self, size: int) -> bool:
        """Tell whether a measured size misses the budgets, or the intervals exclude that it is near the best."""
        if size not in self._candidates:
            return size in self._tried
        return self._beside_best(size)[0]

    def lacks(self, size: int) -> list[Cell]:
        """Return a trial of a size that has too few to be compared, or to be judged by the budgets."""
        cell = self.cells[size]
        undecided = cell.budgets == "inconclusive" and cell.tried < self._most
        return self._name([size] if cell.tried < FEWEST or undecided else [])

    def repeat(self, size: int) -> list[Cell]:
        """Return a replicate of a size and of the best beside it, where they have not had all of theirs."""
        return self._name(self._again([size, size if self._best is None else self._best]))

    def _again(self, sizes: Iterable[int]) -> list[int]:
        return [size for size in dict.fromkeys(sizes) if self.cells[size].tried < self._most]

    def _name(self, sizes: Iterable[int]) -> list[Cell]:
        return [Cell(self.subject, self._load, size) for size in sizes]


def _middle(low: int, high: int) -> list[int]:
    """Return the middle of a gap between two measured sizes; nothing where they are neighbours."""
    return [(low + high) // 2] if high - low > 1 else []
