"""Random values as functions of what they describe: the same row always draws the same, whoever asks, in any order.

A value depends on the seed, on the name of what is drawn, and on the row's number, and on nothing else. So a child
table computes what it needs to know of its parent instead of remembering it: memory stays flat, and chunks, order of
tables and several connections cannot change the data.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from bench.environment.seeding.strings import Ints, Mask, Octets

    Floats = NDArray[np.float64]
    Words = NDArray[np.uint64]

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_LINE_WIDTH = 4096
"""Each row has a line of this many words; longer draws are refused."""


def _mix(state: Words) -> Words:
    """Finish SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014)."""
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))


class Draw:
    """Draws for one kind of row; ``ids`` number the rows."""

    def __init__(self, seed: int, kind: str) -> None:
        self.seed = seed
        self.kind = kind
        self._salts: dict[str, np.uint64] = {}

    def _salt(self, what: str) -> np.uint64:
        if what not in self._salts:
            key = zlib.crc32(f"{self.kind}.{what}".encode())
            # SeedSequence takes no sign; two words tell 5 from -5.
            entropy = [abs(self.seed), int(self.seed < 0)]
            sequence = np.random.SeedSequence(entropy=entropy, spawn_key=(key,))
            self._salts[what] = sequence.generate_state(1, np.uint64)[0]
        return self._salts[what]

    def words(self, what: str, ids: Ints, place: int = 0) -> Words:
        """Return 64 random bits a row."""
        if not 0 <= place < _LINE_WIDTH:
            raise ValueError(f"a row has {_LINE_WIDTH} words, not {place}")
        line = ids.astype(np.uint64) * np.uint64(_LINE_WIDTH) + np.uint64(place)
        return _mix(line * _GAMMA + self._salt(what))

    def uniform(self, what: str, ids: Ints) -> Floats:
        """Return reals in [0, 1)."""
        return (self.words(what, ids) >> np.uint64(11)).astype(np.float64) * 2.0**-53

    def integers(self, what: str, ids: Ints, low: int | Ints, high: int | Ints) -> Ints:
        """Return whole numbers from ``low`` until before ``high``, each equally likely."""
        span = np.asarray(high) - low
        return low + np.minimum((self.uniform(what, ids) * span).astype(np.int64), span - 1)

    def happens(self, what: str, ids: Ints, probability: float | Floats) -> Mask:
        """Return which rows it happens to."""
        return self.uniform(what, ids) < probability

    def choice(self, what: str, ids: Ints, weights: Sequence[float]) -> Ints:
        """Return positions in ``weights``, each as likely as its weight."""
        edges = np.cumsum(np.asarray(weights, dtype=np.float64))
        return np.searchsorted(edges[:-1] / edges[-1], self.uniform(what, ids), side="right").astype(np.int64)

    def rank(self, what: str, ids: Ints, count: int | Ints, exponent: float) -> Ints:
        """Return ranks from 0, rank r about as likely as (r + 1) ** -exponent, where 0 <= exponent <= 1.

        By the inverse of the continuous distribution, so that nothing of the size of ``count`` is kept.
        """
        u = self.uniform(what, ids)
        size = np.asarray(count, dtype=np.float64)
        if exponent == 1:
            place = (size + 1) ** u - 1
        else:
            place = ((1 + u * ((size + 1) ** (1 - exponent) - 1)) ** (1 / (1 - exponent))) - 1
        return np.minimum(place.astype(np.int64), np.asarray(count, dtype=np.int64) - 1)

    def pareto(self, what: str, ids: Ints, low: float, alpha: float, cap: float) -> Floats:
        """Return reals from ``low``, heavy-tailed with index ``alpha``, cut at ``cap``."""
        return np.minimum(low * (1 - self.uniform(what, ids)) ** (-1 / alpha), cap)

    def octets(self, what: str, ids: Ints, width: int) -> Octets:
        """Return ``width`` random octets a row."""
        words = [self.words(what, ids, place).astype(">u8") for place in range(-(-width // 8))]
        return np.stack(words, axis=1).view(np.uint8).reshape(len(ids), len(words) * 8)[:, :width]


class Source:
    """Draws for every kind of row of one data set."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._kinds: dict[str, Draw] = {}

    def __call__(self, kind: str) -> Draw:
        """Return the draws of one kind of row."""
        if kind not in self._kinds:
            self._kinds[kind] = Draw(self.seed, kind)
        return self._kinds[kind]
