"""The order of an interleaved comparison: A B, B A, A B …, so that drift falls on both sides alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

Side = Literal["baseline", "candidate"]


def interleave(pairs: int) -> Iterator[tuple[Side, int]]:
    """Yield side and number of the pair, from 1; every second pair begins with the candidate."""
    for pair in range(1, pairs + 1):
        order: tuple[Side, Side] = ("baseline", "candidate") if pair % 2 else ("candidate", "baseline")
        for side in order:
            yield side, pair
