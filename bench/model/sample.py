"""The raw fact: one row per operation, five instants on one clock. Durations are derived here and nowhere else."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt

    Nanoseconds = npt.NDArray[np.int64]

INSTANTS = ("intended_ns", "dispatched_ns", "acquired_ns", "completed_ns", "released_ns")
DURATIONS = ("response_time", "service_time", "pool_wait", "schedule_lag", "hold_time")
MISSING_NS = -1
"""Stands for an instant that never came, such as ``acquired_ns`` of an operation that was never sent."""


class Outcome(enum.IntEnum):
    """How an operation ended. Only ``OK`` enters the latency distribution; the others are counted beside it."""

    OK = 0
    POOL_TIMEOUT = 1
    QUERY_TIMEOUT = 2
    CONNECTION_LOST = 3
    REFUSED = 4
    CONSTRAINT = 5
    SERIALIZATION = 6
    DEADLOCK = 7
    SQL_ERROR = 8
    NO_ROWS = 9
    NOT_SENT = 10
    UNFINISHED = 11
    NOT_REFUSED = 12

    @property
    def label(self) -> str:
        """The name used in files and reports."""
        return self.name.lower()


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """Columns of one length: instants in ns since the trial's start, operation index, outcome code, worker number.

    ``intended`` <= ``dispatched`` <= ``acquired`` <= ``completed`` <= ``released`` wherever an instant exists;
    an instant that never came is ``MISSING_NS``.
    """

    intended_ns: Nanoseconds
    dispatched_ns: Nanoseconds
    acquired_ns: Nanoseconds
    completed_ns: Nanoseconds
    released_ns: Nanoseconds
    operation: npt.NDArray[np.int16]
    outcome: npt.NDArray[np.int8]
    worker: npt.NDArray[np.int16]

    def __post_init__(self) -> None:
        if len({len(getattr(self, name)) for name in self.__slots__}) != 1:
            msg = "sample columns differ in length"
            raise ValueError(msg)

    def __len__(self) -> int:
        return len(self.intended_ns)

    @classmethod
    def from_rows(cls, rows: npt.NDArray[np.int64], worker: int, start_ns: int) -> Self:
        """Build from a recorder's ``(n, 7)`` array: five instants on the machine's clock, operation, outcome."""
        instants = [np.where(rows[:, i] == MISSING_NS, MISSING_NS, rows[:, i] - start_ns) for i in range(5)]
        return cls(
            instants[0],
            instants[1],
            instants[2],
            instants[3],
            instants[4],
            operation=rows[:, 5].astype(np.int16),
            outcome=rows[:, 6].astype(np.int8),
            worker=np.full(len(rows), worker, dtype=np.int16),
        )

    @classmethod
    def concatenate(cls, parts: Iterable[Samples]) -> Self:
        """Join the samples of several workers, in order of completion."""
        columns = list(parts)
        if not columns:
            return cls.from_rows(np.empty((0, 7), dtype=np.int64), worker=0, start_ns=0)
        joined = {name: np.concatenate([getattr(part, name) for part in columns]) for name in cls.__slots__}
        order = np.argsort(joined["completed_ns"], kind="stable")
        return cls(**{name: column[order] for name, column in joined.items()})

    def where(self, mask: npt.NDArray[np.bool_]) -> Self:
        """Return the rows for which ``mask`` is true."""
        return type(self)(**{name: getattr(self, name)[mask] for name in self.__slots__})

    def duration(self, name: str) -> Nanoseconds:
        """Return one derived duration per row in ns; rows must have every instant (outcome ``OK``).

        schedule_lag = dispatched - intended; pool_wait = acquired - dispatched; service_time = completed - acquired;
        response_time = completed - intended; hold_time = released - acquired.
        """
        match name:
            case "schedule_lag":
                return self.dispatched_ns - self.intended_ns
            case "pool_wait":
                return self.acquired_ns - self.dispatched_ns
            case "service_time":
                return self.completed_ns - self.acquired_ns
            case "response_time":
                return self.completed_ns - self.intended_ns
            case "hold_time":
                return self.released_ns - self.acquired_ns
            case _:
                msg = f"unknown duration {name!r}"
                raise ValueError(msg)
