"""A budget: a limit that a measured quantity must keep, as text ``p95(response_time) < 100ms``."""

from __future__ import annotations

import difflib
import re
from typing import Literal

import msgspec

from bench.model.units import Duration, Rate, parse_percent

DURATIONS = ("response_time", "service_time", "pool_wait", "schedule_lag", "hold_time")
STATISTICS = ("mean", "p50", "p90", "p95", "p99", "p99_9", "max")
RATES = ("throughput", "offered_rate")
SHARES = ("error_rate",)

_TEXT = re.compile(r"\s*([a-z0-9_]+)\s*(?:\(\s*([a-z0-9_]+)\s*\))?\s*(<=|>=|<|>)\s*(\S.*?)\s*")


class Budget(msgspec.Struct, frozen=True):
    """``metric`` as in measurements (``response_time.p95``), compared with ``limit`` in seconds, 1/s or a fraction."""

    text: str
    metric: str
    comparator: Literal["<", "<=", ">", ">="]
    limit: float
    unit: Literal["s", "1/s", "1"]
    operation: str = "*"

    def holds(self, value: float) -> bool:
        """Tell whether a value keeps the budget."""
        match self.comparator:
            case "<":
                return value < self.limit
            case "<=":
                return value <= self.limit
            case ">":
                return value > self.limit
            case ">=":
                return value >= self.limit


def _unknown(word: str, known: tuple[str, ...], what: str) -> ValueError:
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.0)
    return ValueError(f"unknown {what} {word!r}; did you mean {near[0]!r}? Known: {', '.join(known)}")


def parse_budget(text: str, operation: str = "*") -> Budget:
    """Read one budget; raises ``ValueError`` that names the nearest metric, statistic or unit.

    ``p95 < 100ms`` is short for ``p95(response_time) < 100ms``.
    """
    match = _TEXT.fullmatch(text)
    if match is None:
        msg = f"{text!r} is not a budget; write for example 'p95(response_time) < 100ms' or 'error_rate < 0.1%'"
        raise ValueError(msg)
    head, inner, comparator, limit = match.groups()
    if inner is None and head in RATES:
        metric, unit, value = head, "1/s", float(Rate.parse(limit))
    elif inner is None and head in SHARES:
        metric, unit, value = head, "1", parse_percent(limit)
    elif head in STATISTICS:
        quantity = inner or "response_time"
        if quantity not in DURATIONS:
            raise _unknown(quantity, DURATIONS, "duration")
        metric, unit, value = f"{quantity}.{head}", "s", Duration.parse(limit).seconds
    elif inner is None:
        raise _unknown(head, STATISTICS + RATES + SHARES, "metric")
    else:
        raise _unknown(head, STATISTICS, "statistic")
    fields = {"text": text.strip(), "metric": metric, "comparator": comparator, "limit": value, "unit": unit}
    return msgspec.convert({**fields, "operation": operation}, Budget)
