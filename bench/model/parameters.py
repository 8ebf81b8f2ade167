"""Where the arguments of an operation come from: one column a source, ``Sample`` as many as its query gives."""

from __future__ import annotations

import datetime as dt
from typing import Any, Literal

import msgspec


class _Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind"):
    """What every source has in common."""


class Uniform(_Source, frozen=True, tag="uniform"):
    """Integers, reals or dates, every value equally likely; both ends included (reals: low included)."""

    name: str
    low: int | float | dt.date
    high: int | float | dt.date

    def __post_init__(self) -> None:
        if isinstance(self.low, dt.date) != isinstance(self.high, dt.date):
            msg = "`low` and `high` must both be numbers or both be dates"
            raise ValueError(msg)
        if self.low > self.high:  # type: ignore[operator]  # same family, checked above
            msg = f"`low` {self.low} is above `high` {self.high}"
            raise ValueError(msg)


class Zipf(_Source, frozen=True, tag="zipf"):
    """Integers ``low .. high``, rank r with probability proportional to ``r ** -exponent``."""

    name: str
    low: int
    high: int
    exponent: float = 1.0

    def __post_init__(self) -> None:
        if self.low > self.high or self.exponent <= 0:
            msg = "needs `low` <= `high` and `exponent` > 0"
            raise ValueError(msg)


class Normal(_Source, frozen=True, tag="normal"):
    """Reals around ``mean``, clipped to ``low .. high`` where given, rounded to ``decimals``."""

    name: str
    mean: float
    stddev: float
    low: float | None = None
    high: float | None = None
    decimals: int = 2

    def __post_init__(self) -> None:
        if self.stddev < 0:
            msg = "`stddev` must not be negative"
            raise ValueError(msg)


class Choice(_Source, frozen=True, tag="choice"):
    """One of ``values``, by ``weights`` where given."""

    name: str
    values: tuple[Any, ...]  # whatever TOML can write: text, numbers, dates, lists of them
    weights: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if not self.values:
            msg = "`values` is empty"
            raise ValueError(msg)
        if self.weights is not None and (
            len(self.weights) != len(self.values) or min(self.weights) < 0 or not sum(self.weights)
        ):
            msg = "`weights` needs one non-negative number for each of `values`, not all zero"
            raise ValueError(msg)


class Sequence(_Source, frozen=True, tag="sequence"):
    """``start, start + 1, …``; workers take interleaved numbers, so that none is used twice in a trial.

    With ``end`` the numbers begin again after it: slots, to be emptied and filled anew.
    """

    name: str
    start: int = 1
    end: int | None = None

    def __post_init__(self) -> None:
        if self.end is not None and self.end < self.start:
            msg = f"`end` {self.end} is below `start` {self.start}"
            raise ValueError(msg)


class Uuid(_Source, frozen=True, tag="uuid"):
    """A random UUID, never repeated."""

    name: str


class Sample(_Source, frozen=True, tag="sample"):
    """Rows of a query, read once before the load; its columns become the parameters ``names``, drawn together."""

    names: tuple[str, ...]
    sql: str
    distribution: Literal["uniform", "zipf"] = "uniform"
    exponent: float = 1.0
    limit: int = 100_000

    def __post_init__(self) -> None:
        if not self.names or self.limit < 1 or self.exponent <= 0:
            msg = "needs at least one of `names`, `limit` >= 1 and `exponent` > 0"
            raise ValueError(msg)


Parameter = Uniform | Zipf | Normal | Choice | Sequence | Uuid | Sample


def names_of(parameter: Parameter) -> tuple[str, ...]:
    """Return the argument names a source provides."""
    return parameter.names if isinstance(parameter, Sample) else (parameter.name,)
