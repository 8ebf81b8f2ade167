"""A budget: a limit that an observed quantity must keep, as text.

    p95(response_time) < 100ms      a statistic of a duration; ``p95 < 100ms`` is short for it
    error_rate < 0.1%               a share; ``throughput > 5000/s`` a rate
    cache_hit_ratio > 90%           blocks of tables and indexes that were found in shared buffers
    buffers(lookup) <= 8            8 kB blocks that one execution touches, on average, in the cache or not
    plan(lookup) uses ix_rates      an index that every plan must use; ``*`` stands for any letters of its name
    partitions(search) <= 1         partitions that a plan really scans

``lookup: p95 < 5ms`` is a budget of one operation; without a name it is one of all together.
"""

from __future__ import annotations

import difflib
import re
from typing import Literal

import msgspec

from bench.model.units import Duration, Rate, parse_percent

ALL_OPERATIONS = "*"
DURATIONS = ("response_time", "service_time", "pool_wait", "schedule_lag", "hold_time")
STATISTICS = ("mean", "p50", "p90", "p95", "p99", "p99_9", "max")
RATES = ("throughput", "offered_rate")
SHARES = ("error_rate", "cache_hit_ratio")
COUNTS = ("buffers", "partitions")
"""Counted for each operation by itself, never for all together."""
PLAN = "plan"
_METRICS = (*STATISTICS, *RATES, *SHARES, *COUNTS, PLAN)

_TEXT = re.compile(r"([a-z0-9_]+)\s*(?:\(\s*([^()]+?)\s*\))?\s*(<=|>=|<|>)\s*(\S.*)")
_USES = re.compile(r"([a-z0-9_]+)\s*\(\s*([^()]+?)\s*\)\s+uses\s+(\S+)")
_COUNT = re.compile(r"([0-9]+(?:\.[0-9]+)?)(?:\s*(blocks?|partitions?))?")


class Budget(msgspec.Struct, frozen=True):
    """``metric`` as in measurements (``response_time.p95``), compared with ``limit`` in its ``unit``.

    A plan's budget is the share of plans that use ``index``, with the limit 1: all of them.
    """

    text: str
    metric: str
    comparator: Literal["<", "<=", ">", ">="]
    limit: float
    unit: Literal["s", "1/s", "1", "blocks", "partitions"]
    operation: str = ALL_OPERATIONS
    index: str = ""

    @property
    def of_plans(self) -> bool:
        """Tell whether it is judged by query plans instead of by measurements."""
        return self.metric in (PLAN, "partitions")

    @property
    def is_timed(self) -> bool:
        """Tell whether it depends on load and pool: a duration, a rate or a share of operations."""
        return self.metric != PLAN and self.metric not in COUNTS

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


def _unknown(word: str, known: tuple[str, ...], what: str, more: str = "") -> ValueError:
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.0)
    return ValueError(f"unknown {what} {word!r}; did you mean {near[0]!r}? Known: {', '.join(known)}{more}")


def parse_budget(text: str, operation: str = ALL_OPERATIONS) -> Budget:
    """Read one budget; raises ``ValueError`` that names the nearest metric, statistic or unit.

    ``operation`` is the one it is stated for; a text that names another one contradicts it and is refused.
    """
    named, colon, body = text.strip().rpartition(":")
    fields = _fields(body.strip(), text)
    owner = named.strip() if colon else fields.get("operation", ALL_OPERATIONS)
    owners = {name for name in (operation, owner, fields.get("operation")) if name not in (None, ALL_OPERATIONS)}
    if len(owners) > 1:
        raise ValueError(f"{text!r} is a budget of two operations: {', '.join(sorted(map(repr, owners)))}")
    chosen = next(iter(owners), ALL_OPERATIONS)
    return msgspec.convert({**fields, "text": text.strip(), "operation": chosen}, Budget)


def _fields(body: str, text: str) -> dict[str, object]:
    if uses := _USES.fullmatch(body):
        head, inner, index = uses.groups()
        if head != PLAN:
            raise _unknown(head, (PLAN,), "metric with `uses`")
        return {"metric": PLAN, "comparator": ">=", "limit": 1.0, "unit": "1", "operation": inner, "index": index}
    match = _TEXT.fullmatch(body)
    if match is None:
        msg = (
            f"{text!r} is not a budget; write for example 'p95(response_time) < 100ms', 'error_rate < 0.1%', "
            "'buffers(lookup) <= 8' or 'plan(lookup) uses ix_name'"
        )
        raise ValueError(msg)
    head, inner, comparator, limit = match.groups()
    return {"comparator": comparator, **_limited(head, inner, limit)}


def _limited(head: str, inner: str | None, limit: str) -> dict[str, object]:
    if inner is None and head in RATES:
        return {"metric": head, "unit": "1/s", "limit": float(Rate.parse(limit))}
    if inner is None and head in SHARES:
        return {"metric": head, "unit": "1", "limit": parse_percent(limit)}
    if head in COUNTS:
        unit = "blocks" if head == "buffers" else head
        named = {} if inner is None else {"operation": inner}
        return {"metric": head, "unit": unit, "limit": _count(limit, unit), **named}
    if head in STATISTICS:
        quantity = inner or "response_time"
        if quantity not in DURATIONS:
            more = f"; for one operation write '{quantity}: {head} < {limit}'"
            raise _unknown(quantity, DURATIONS, "duration", more)
        return {"metric": f"{quantity}.{head}", "unit": "s", "limit": Duration.parse(limit).seconds}
    if inner is None:
        raise _unknown(head, _METRICS, "metric")
    raise _unknown(head, (*STATISTICS, *COUNTS, PLAN), "statistic")


def _count(limit: str, unit: str) -> float:
    match = _COUNT.fullmatch(limit.strip())
    if match is None or (match[2] and not unit.startswith(match[2].rstrip("s"))):
        raise ValueError(f"expected a number of {unit} such as '8', got {limit!r}")
    return float(match[1])
