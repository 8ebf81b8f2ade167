"""One number per trial for each metric that a gate compares, and how large a change of it matters."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

import msgspec

from bench.analysis.buffers import count_buffers
from bench.analysis.distribution import QUANTILES
from bench.model.budget import STATISTICS
from bench.model.errors import ScenarioError
from bench.model.sample import DURATIONS
from bench.stats.estimate import Refused
from bench.stats.quantiles import smallest_n, too_few

if TYPE_CHECKING:
    from collections.abc import Collection

    from bench.analysis.distribution import Distribution
    from bench.analysis.summary import TrialSummary

LEVEL = 0.95
COMPARED = ("throughput", "response_time.p95", "error_rate", "buffers")
"""What is compared unless the user says otherwise. Few, because every further one costs power."""
KNOWN = (
    "throughput",
    "error_rate",
    "buffers",
    *(f"{duration}.{statistic}" for duration in DURATIONS for statistic in STATISTICS),
)
BIGGER_IS_BETTER = ("throughput",)


class Sizes(msgspec.Struct, frozen=True, kw_only=True):
    """How large a change matters: relative, *and* absolute in the unit of the metric."""

    relative: float = 0.05
    duration_s: float = 100e-6
    error_rate: float = 0.001
    buffers: float = 1.0

    def absolute(self, metric: str) -> float:
        """Return the absolute part in the metric's unit; a throughput has none."""
        match metric:
            case "throughput":
                return 0.0
            case "error_rate":
                return self.error_rate
            case "buffers":
                return self.buffers
            case _:
                return self.duration_s


def unit_of(metric: str) -> str:
    """Return the unit of a metric that is compared."""
    return {"throughput": "1/s", "error_rate": "1", "buffers": "blocks"}.get(metric, "s")


def check_metrics(names: Collection[str]) -> None:
    """Refuse a metric that is not compared; raises ``ScenarioError`` with the nearest name."""
    for name in names:
        if name not in KNOWN:
            near = difflib.get_close_matches(name, KNOWN, n=1, cutoff=0.0)
            raise ScenarioError(
                f"`--metric {name}` names no metric that can be compared",
                remedy=f"Did you mean `{near[0]}`? Use `throughput`, `error_rate`, `buffers` or a statistic of a "
                "duration such as `response_time.p99`.",
            )


def value_of(summary: TrialSummary, operation: str, metric: str) -> float | Refused:
    """Return a metric of one trial, in seconds, 1/s, blocks or as a share, or why there is none."""
    match metric:
        case "throughput":
            return summary.operations[operation].throughput
        case "error_rate":
            return summary.operations[operation].error_rate
        case "buffers":
            return count_buffers(summary, operation)
        case _:
            duration, _, statistic = metric.partition(".")
            return _statistic(summary.operations[operation].durations[duration], statistic)


def _statistic(durations: Distribution, statistic: str) -> float | Refused:
    if not durations.n:
        return Refused("a trial has no operation that ended well", 0, 1)
    if statistic == "mean":
        return durations.mean_ns / 1e9
    if statistic == "max":
        return durations.max_ns / 1e9
    q = QUANTILES[statistic]
    if durations.n < smallest_n(q, LEVEL):
        return too_few(q, durations.n, LEVEL)
    return durations.quantile_ns(q) / 1e9
