"""Seven integers a sample in one flat array: the cheapest thing Python can append to."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

COLUMNS = 7
"""intended, dispatched, acquired, completed, released, operation, outcome."""


class Recorder:
    """``record((intended, dispatched, acquired, completed, released, operation, outcome))``, instants in ns."""

    def __init__(self) -> None:
        self._cells = array("q")
        self.record = self._cells.extend

    def __len__(self) -> int:
        return len(self._cells) // COLUMNS

    def rows(self) -> npt.NDArray[np.int64]:
        """Return the samples as an ``(n, 7)`` array."""
        return (
            np.frombuffer(self._cells, dtype=np.int64).reshape(-1, COLUMNS)
            if self._cells
            else np.empty((0, COLUMNS), np.int64)
        )
