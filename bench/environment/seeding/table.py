"""What a table is filled from, and what all tables of one data set share."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from bench.environment.seeding.columns import encode
from bench.environment.seeding.draw import Source
from bench.environment.seeding.ratebook import RateBook
from bench.environment.seeding.scale import Sizes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bench.environment.seeding.columns import Columns
    from bench.environment.seeding.strings import Ints

CHUNK = 8_192
"""Units turned into rows at a time: what bounds memory, at any scale."""


@dataclass(frozen=True)
class World:
    """One data set: its seed, its sizes and its rate book."""

    seed: int
    scale: float

    @cached_property
    def sizes(self) -> Sizes:
        """How many of everything."""
        return Sizes(self.scale)

    @cached_property
    def draw(self) -> Source:
        """Draws by kind of row."""
        return Source(self.seed)

    @cached_property
    def book(self) -> RateBook:
        """What is filed."""
        return RateBook(self.draw, self.sizes)


@dataclass(frozen=True)
class Table:
    """One table: ``rows`` turns the units numbered ``ids`` into columns, all of the same length.

    A unit is what is convenient to count: a row, or a quote with however many vehicles it has.
    """

    name: str
    units: Callable[[Sizes], int]
    rows: Callable[[World, Ints], Columns]
    chunk: int = CHUNK


@dataclass(frozen=True, slots=True)
class Chunk:
    """Encoded rows, ready for COPY."""

    columns: tuple[str, ...]
    rows: int
    data: bytes


def chunks(table: Table, world: World) -> Iterator[Chunk]:
    """Yield the table's rows in pieces; a unit may come to no row at all."""
    units = table.units(world.sizes)
    for first in range(1, units + 1, table.chunk):
        ids = np.arange(first, min(first + table.chunk, units + 1), dtype=np.int64)
        columns = table.rows(world, ids)
        count = _height(columns)
        if count:
            yield Chunk(tuple(columns), count, encode(columns, count))


def _height(columns: Columns) -> int:
    """Count the rows: the first part of any column has a record or a text for each."""
    part = next(iter(columns.values()))[0]
    return len(part.lengths) if hasattr(part, "lengths") else len(part)
