"""The time axis of the data. Nothing here reads the clock: the same seed gives the same data in any year.

Days count from 2000-01-01, instants in microseconds from that midnight UTC, as PostgreSQL counts.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import numpy as np

from bench.environment.seeding.strings import digits

if TYPE_CHECKING:
    from bench.environment.seeding.strings import Ints, Octets

EPOCH = dt.date(2000, 1, 1)
REFERENCE_DATE = dt.date(2026, 1, 1)
"""The data's "today": nothing is recorded after it."""
RATES_FROM = dt.date(2020, 1, 1)
"""Every rate key has a rate for every day from here on."""

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


def day_number(day: dt.date) -> int:
    """Return days since 2000-01-01."""
    return (day - EPOCH).days


TODAY = day_number(REFERENCE_DATE)
NOW = TODAY * DAY
_EPOCH_MONTH = 30 * 12
"""Months from 1970-01, where numpy counts from, to 2000-01."""
_EPOCH_DAYS = (EPOCH - dt.date(1970, 1, 1)).days


def add_months(days: Ints, months: Ints) -> Ints:
    """Add calendar months; a day past the end of its month spills into the next one, so use days up to the 28th."""
    moments = (days + _EPOCH_DAYS).astype("datetime64[D]")
    month = moments.astype("datetime64[M]")
    within = (moments - month.astype("datetime64[D]")).astype(np.int64)
    later: Ints = (month + months.astype("timedelta64[M]")).astype("datetime64[D]").astype(np.int64)
    result: Ints = later - _EPOCH_DAYS + within
    return result


def day_of_month(days: Ints) -> Ints:
    """Return the day within its month, from 1."""
    moments = (days + _EPOCH_DAYS).astype("datetime64[D]")
    before: Ints = (moments - moments.astype("datetime64[M]").astype("datetime64[D]")).astype(np.int64)
    return before + 1


def first_of_month(day: dt.date, months: int) -> dt.date:
    """Return the first day of the month ``months`` away."""
    month = day.year * 12 + day.month - 1 + months
    return dt.date(month // 12, month % 12 + 1, 1)


def spread(ids: Ints, count: int, first: int, last: int) -> Ints:
    """Spread ``count`` rows, numbered from 1, evenly over the instants from ``first`` to ``last``, in their order."""
    share = (ids.astype(np.float64) - 0.5) / count
    return first + (share * (last - first)).astype(np.int64)


def iso_date(days: Ints) -> Octets:
    """Write days as YYYY-MM-DD."""
    moments = (days + _EPOCH_DAYS).astype("datetime64[D]")
    months = moments.astype("datetime64[M]")
    dash = np.full((len(days), 1), ord("-"), dtype=np.uint8)
    year = months.astype("datetime64[Y]").astype(np.int64) + 1970
    month = months.astype(np.int64) % 12 + 1
    return np.hstack((digits(year, 4), dash, digits(month, 2), dash, digits(day_of_month(days), 2)))
