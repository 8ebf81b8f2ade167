"""Trials whose collector read given waits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from bench.model.timeline import Reading, Timeline
from tests.analysis.synthetic import S

if TYPE_CHECKING:
    from collections.abc import Mapping

START_NS, END_NS = S // 2, S // 2 + 2 * S
"""The window of ``synthetic.scenario``."""
QUIET = Timeline(period_ns=S // 4, readings=(), since_ns=START_NS, until_ns=END_NS)


def reading(events: Mapping[str, int], *, cpu: int = 0, held: int = 0, **more: Any) -> Reading:
    """One instant: sessions by ``type:event``, on CPU and idle in a transaction."""
    waits: dict[str, int] = {"CPU": cpu, "idle in transaction": held, "idle": 3}
    for event, number in events.items():
        kind = event.partition(":")[0]
        waits[kind] = waits.get(kind, 0) + number
    return Reading(t_ns=0, waits=waits, events=dict(events), **more)


def timeline(*readings: Reading, **more: Any) -> Timeline:
    """Spread readings over the window."""
    step = (END_NS - START_NS) // (len(readings) + 1)
    placed = [msgspec.structs.replace(one, t_ns=START_NS + n * step) for n, one in enumerate(readings, 1)]
    return msgspec.structs.replace(QUIET, readings=tuple(placed), **more)


def waited(
    events: Mapping[str, int], *, times: int = 8, cpu: int = 0, held: int = 0, wal: Any = None, **more: Any
) -> Timeline:
    """Return a window in which every reading saw the same."""
    return timeline(*[reading(events, cpu=cpu, held=held, **more)] * times, wal=wal or {})
