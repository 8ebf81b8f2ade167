"""Response times as an HdrHistogram log, which any HdrHistogram tool opens."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import numpy as np
from hdrh.histogram import HdrHistogram

from bench.analysis.window import select
from bench.stats.histogram import HIGHEST_NS, LOWEST_NS, SIGNIFICANT_DIGITS, record

if TYPE_CHECKING:
    from bench.model.facts import TrialFacts
    from bench.model.sample import Samples
    from bench.model.scenario import Load
    from bench.stats.histogram import LogHistogram

_LEGEND: Final = '"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"'
_NS_PER_MS: Final = 1e6


def tag(operation: str) -> str:
    """Return an operation's name as a tag: a log forbids commas, blanks and line ends there, so they become %XX."""
    return quote(operation, safe="!#$&'()*+/:;<=>?@[]^`{|}~")


def _payload(histogram: LogHistogram) -> str:
    """Encode counts as the library does after ``record_value`` of each one, without the call per value."""
    encoder = HdrHistogram(LOWEST_NS, HIGHEST_NS, SIGNIFICANT_DIGITS)
    np.frombuffer(encoder.counts, dtype=np.uint64)[:] = histogram.counts
    filled = np.flatnonzero(histogram.counts)
    if filled.size:
        encoder.set_internal_tacking_values(int(filled[0]), int(filled[-1]), histogram.n)
    payload: bytes = encoder.encode()
    return payload.decode("ascii")


def render_log(facts: TrialFacts, samples: Samples, load: Load) -> bytes:
    """Return the log of one trial: an interval per operation, in ns, of what ``analysis.window`` counts as good.

    The interval is the measurement window; ``Interval_Max`` is in milliseconds, as the tools expect.
    """
    started = datetime.fromisoformat(facts.started_utc)
    start_s, length_s = facts.window_start_ns / 1e9, (facts.window_end_ns - facts.window_start_ns) / 1e9
    good = samples.where(select(samples, facts, load).good)
    response_ns, operation = good.duration("response_time"), good.operation
    lines = [
        f"#[poolbench trial {facts.trial_id}: response_time of successful operations in the window, in ns]",
        "#[Histogram log format version 1.3]",
        f"#[StartTime: {started.timestamp():.3f} (seconds since epoch), {facts.started_utc}]",
        f"#[BaseTime: {started.timestamp():.3f} (seconds since epoch)]",
        _LEGEND,
    ]
    for index, name in enumerate(facts.operations):
        histogram = record(response_ns[operation == index])
        times = f"{start_s:.3f},{length_s:.3f},{histogram.max_ns / _NS_PER_MS:.3f}"
        lines.append(f"Tag={tag(name)},{times},{_payload(histogram)}")
    return ("\n".join(lines) + "\n").encode("ascii")
