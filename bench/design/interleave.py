"""The order of the two sides of a comparison: ABBA, so that drift of the machine favours neither. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence


def changed_first(seed: Sequence[int], first_pair: int, pairs: int) -> list[bool]:
    """Tell for each pair whether its changed side runs first; pairs count from 1.

    Two pairs make a block, ABBA or BAAB, drawn from the seed: in both, drift that is linear in time falls out of the
    mean of the block's two pairs (Cox, Planning of Experiments, 1958, chapter 3). The sides of a pair are
    neighbours in time.
    """
    order = []
    for pair in range(first_pair, first_pair + pairs):
        block = (pair - 1) // 2
        leads = bool(np.random.default_rng([*seed, block]).integers(2))
        order.append(leads if pair % 2 else not leads)
    return order
