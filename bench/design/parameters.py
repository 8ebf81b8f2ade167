"""Arguments drawn ahead, so that the hot path draws nothing."""

from __future__ import annotations

import datetime as dt
import itertools
import uuid
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.model import parameters as source

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bench.model.scenario import Operation

Rows = list[tuple[Any, ...]]
Populations = dict[str, Rows]
"""Rows read by the ``sample`` queries, by the text of the query."""

RING = 32_768
"""Argument sets drawn for a window; reused in a ring where no value has to be unique."""
CHUNK = 512
"""Argument sets drawn at a time where values must not repeat: short enough to pass for one slow operation."""


def _ranks(count: int, exponent: float, size: int, generator: np.random.Generator) -> np.typing.NDArray[np.int64]:
    """Draw 0-based ranks with probability proportional to ``(rank + 1) ** -exponent``."""
    cumulative = np.cumsum(np.arange(1, count + 1, dtype=np.float64) ** -exponent)
    ranks: np.typing.NDArray[np.int64] = np.searchsorted(
        cumulative, generator.random(size) * cumulative[-1], side="right"
    ).astype(np.int64)
    return ranks


def _plain(column: np.typing.NDArray[Any]) -> list[Any]:
    """Return Python's own numbers: drivers know no others."""
    values: list[Any] = column.tolist()
    return values


def _column(parameter: source.Parameter, size: int, generator: np.random.Generator) -> list[Any]:
    match parameter:
        case source.Uniform(low=dt.date() as low, high=dt.date() as high):
            return [low + dt.timedelta(days=int(day)) for day in generator.integers(0, (high - low).days + 1, size)]
        case source.Uniform(low=int(low), high=int(high)):
            return _plain(generator.integers(low, high + 1, size))
        case source.Uniform(low=low, high=high):
            return _plain(generator.uniform(float(low), float(high), size))  # type: ignore[arg-type]  # no dates, see above
        case source.Zipf():
            ranks = _ranks(parameter.high - parameter.low + 1, parameter.exponent, size, generator)
            return _plain(ranks + parameter.low)
        case source.Normal():
            values = generator.normal(parameter.mean, parameter.stddev, size)
            values = np.clip(
                values,
                -np.inf if parameter.low is None else parameter.low,
                np.inf if parameter.high is None else parameter.high,
            )
            return _plain(np.round(values, parameter.decimals))
        case source.Choice():
            weights = None if parameter.weights is None else np.asarray(parameter.weights) / sum(parameter.weights)
            return [parameter.values[i] for i in generator.choice(len(parameter.values), size, p=weights)]
        case source.Uuid():
            return [uuid.UUID(bytes=generator.bytes(16), version=4) for _ in range(size)]
        case _:
            msg = f"{type(parameter).__name__} has no column of its own"
            raise TypeError(msg)


def draw(
    parameters: Sequence[source.Parameter],
    populations: Mapping[str, Rows],
    size: int,
    generator: np.random.Generator,
    first: int = 0,
    stride: int = 1,
) -> Rows:
    """Return ``size`` argument tuples. ``first`` and ``stride`` place a worker's numbers in a ``sequence``."""
    columns: list[list[Any]] = []
    for parameter in parameters:
        match parameter:
            case source.Sequence():
                numbers = range(first, first + stride * size, stride)
                span = None if parameter.end is None else parameter.end - parameter.start + 1
                columns.append([parameter.start + (n if span is None else n % span) for n in numbers])
            case source.Sample():
                rows = populations[parameter.sql]
                picks = (
                    generator.integers(0, len(rows), size)
                    if parameter.distribution == "uniform"
                    else _ranks(len(rows), parameter.exponent, size, generator)
                )
                columns.extend(list(column) for column in zip(*(rows[int(i)] for i in picks), strict=True))
            case _:
                columns.append(_column(parameter, size, generator))
    return list(zip(*columns, strict=True)) if columns else [()] * size


def stream(
    operation: Operation,
    populations: Mapping[str, Rows],
    generator: np.random.Generator,
    worker: int,
    workers: int,
) -> Iterator[tuple[Any, ...]]:
    """Return endless argument tuples: a ring drawn ahead, or fresh chunks where values must be unique."""
    if not any(isinstance(parameter, source.Sequence | source.Uuid) for parameter in operation.parameters):
        size = RING if operation.parameters else 1
        return itertools.cycle(draw(operation.parameters, populations, size, generator))
    return _fresh(operation, populations, generator, worker, workers)


def _fresh(
    operation: Operation,
    populations: Mapping[str, Rows],
    generator: np.random.Generator,
    worker: int,
    workers: int,
) -> Iterator[tuple[Any, ...]]:
    for chunk in itertools.count():
        first = worker + chunk * CHUNK * workers
        yield from draw(operation.parameters, populations, CHUNK, generator, first=first, stride=workers)


def mix(operations: Sequence[Operation], generator: np.random.Generator) -> Iterator[int]:
    """Return an endless iterator of operation indices in proportion to their weights."""
    if len(operations) == 1:
        return itertools.repeat(0)
    weights = np.asarray([operation.weight for operation in operations])
    return itertools.cycle(generator.choice(len(operations), RING, p=weights / weights.sum()).tolist())
