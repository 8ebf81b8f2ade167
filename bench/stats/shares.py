"""A share that was seen at several instants: how sure it is, even where every instant says the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import scipy

from bench.stats.autocorrelation import effective_sample_size
from bench.stats.estimate import Estimate, Refused

if TYPE_CHECKING:
    from collections.abc import Sequence

FEWEST = 8
"""Instants below which a share is refused: of fewer, even a unanimous answer has an interval down to 0.6."""


def share_of(parts: Sequence[float], wholes: Sequence[float], level: float = 0.95) -> Estimate | Refused:
    """Sum of ``parts`` over the sum of ``wholes``; instants in which there was nothing of the whole say nothing.

    What is seen at one instant belongs together (sessions wait for the same lock), so the unit is the instant: as many
    as count equally (Kish 1965, for wholes that differ), divided by the design effect where the mean of the instants
    varies more than that of yes and no would, because neighbours repeat each other. The interval is that of Clopper
    and Pearson (1934) with the share as the number of successes: a share in [0, 1] varies at most like yes and no with
    the same mean, so it covers at least its level, and it does not shrink to a point where all instants agree.
    ``unit`` is ``1``.
    """
    part, whole = np.asarray(parts, dtype=np.float64), np.asarray(wholes, dtype=np.float64)
    if (part < 0).any() or (part > whole).any():
        return Refused("the counts contradict each other: a part is larger than its whole", int(whole.size), None)
    part, whole = part[whole > 0], whole[whole > 0]
    if whole.size < FEWEST:
        return Refused("too few readings with a session at work to name a share", int(whole.size), FEWEST)
    equal = float(whole.sum() ** 2 / (whole @ whole))
    share, single = float(part.sum() / whole.sum()), part / whole
    repeated = whole.size / effective_sample_size(single)
    most = share * (1 - share)
    effect = repeated * float(((single - share) ** 2 * whole).sum() / whole.sum()) / most if most > 0 else 1.0
    units = max(1.0, equal / max(1.0, effect))
    tail, hits = (1 - level) / 2, share * units
    low = float(scipy.stats.beta.ppf(tail, hits, units - hits + 1)) if hits > 0 else 0.0
    high = float(scipy.stats.beta.ppf(1 - tail, hits + 1, units - hits)) if hits < units else 1.0
    return Estimate(share, min(low, share), max(high, share), level, int(whole.size), "1")
