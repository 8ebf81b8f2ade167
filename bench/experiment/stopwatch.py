"""How long each kind of work took: a program that waits for servers spends its time in places nobody expects."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Stopwatch:
    """Wall time by kind of work, in seconds. Kinds do not nest: time inside another kind would count twice."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began = clock()
        self._spent: dict[str, float] = {}

    @contextlib.contextmanager
    def timing(self, kind: str) -> Iterator[None]:
        """Add the time of the block to a kind, whether it ends well or not."""
        began = self._clock()
        try:
            yield
        finally:
            self._add(kind, self._clock() - began)

    def _add(self, kind: str, seconds: float) -> None:
        self._spent[kind] = self._spent.get(kind, 0.0) + seconds

    def take(self, kind: str, part: str, seconds: float) -> None:
        """Move time from one kind to a part of it that has a name of its own; never more than there is."""
        moved = min(seconds, self._spent.get(kind, 0.0))
        self._add(kind, -moved)
        self._add(part, moved)

    @property
    def passed_s(self) -> float:
        """Seconds since the start."""
        return self._clock() - self._began

    def split(self) -> dict[str, float]:
        """Return the seconds of each kind, and of the rest up to now; they add up to all that has passed."""
        rest = self.passed_s - sum(self._spent.values())
        return {**{kind: round(seconds, 3) for kind, seconds in self._spent.items()}, "rest": round(rest, 3)}
