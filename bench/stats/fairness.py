"""How evenly something was shared."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence


def jain_index(shares: Sequence[float]) -> float:
    """(sum x)^2 / (n sum x^2): 1 if all got the same, 1/n if one got everything (Jain, Chiu and Hawe 1984).

    Shares are counts or times, not negative; nothing handed out at all counts as even. Raises ValueError without any.
    """
    x = np.asarray(shares, dtype=np.float64)
    if not x.size or bool((x < 0).any()):
        raise ValueError("fairness is judged over at least one share, none negative")
    largest = float(x.max())
    if largest == 0:
        return 1.0
    x /= largest  # the index has no unit; this keeps the squares from overflowing
    return float(x.sum() ** 2 / (x.size * (x**2).sum()))
