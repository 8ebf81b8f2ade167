"""What the collector read becomes series over the window, memory by treatment and one share of cached blocks."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import msgspec
import pytest

from bench.analysis.activity import (
    OTHER,
    cpu_over_window,
    hit_ratio,
    memory_by_treatment,
    table_accesses,
    waits_over_window,
)
from bench.model.budget import parse_budget
from bench.model.timeline import Reading, TableAccess, Timeline
from bench.stats.estimate import Estimate, Refused
from tests.report import samples
from tests.report.simulation import WARMUP_NS, WINDOW_NS

if TYPE_CHECKING:
    from bench.analysis.summary import TrialSummary

TRIALS = samples.material().trials


def _with(index: int, *readings: Reading, tables: tuple[TableAccess, ...] = ()) -> TrialSummary:
    trial = TRIALS[index]
    timeline = Timeline(
        period_ns=1, readings=readings, since_ns=WARMUP_NS, until_ns=WARMUP_NS + WINDOW_NS, tables=tables
    )
    return dataclasses.replace(trial, facts=msgspec.structs.replace(trial.facts, timeline=timeline))


def _reading(share: float, **fields: object) -> Reading:
    return Reading(t_ns=WARMUP_NS + round(share * WINDOW_NS), **fields)  # type: ignore[arg-type]  # a table of fields


def test_waits_are_averaged_over_trials_in_blocks_of_the_window() -> None:
    one = _with(0, *(_reading(n / 4, waits={"CPU": 4}) for n in range(5)))
    other = _with(1, *(_reading(n / 4, waits={"CPU": 2, "Lock": 2}) for n in range(5)))
    series = waits_over_window([one, other])
    assert series is not None
    assert series.seconds == pytest.approx((0.05, 0.15, 0.25, 0.35))
    assert series.means == pytest.approx({"CPU": 3.0, "Lock": 1.0})


def test_rare_waits_are_joined_and_nothing_is_lost() -> None:
    kinds = {f"Wait{n}": n + 1 for n in range(9)}
    waits = {"CPU": 1, **kinds, "idle in transaction": 2, "idle": 3}
    series = waits_over_window([_with(0, *(_reading(n / 4, waits=waits) for n in range(5)))])
    assert series is not None
    assert list(series.values)[:2] == ["CPU", "Wait8"]
    assert len(series.values) == 7
    assert sum(series.means.values()) == sum(waits.values())
    assert series.means[OTHER] > 0


def test_cores_are_cpu_seconds_by_the_time_between_readings() -> None:
    half = WINDOW_NS / 2e9
    trial = _with(0, *(_reading(n / 2, cpu_s={"backends": half * 1.5}) for n in range(3)))
    series = cpu_over_window([trial])
    assert series is not None
    assert series.means == pytest.approx({"backends": 1.5})


def test_readings_outside_the_window_do_not_count() -> None:
    inside = [_reading(n / 2, waits={"CPU": 1}) for n in range(3)]
    outside = Reading(t_ns=WARMUP_NS + 2 * WINDOW_NS, waits={"CPU": 50})
    series = waits_over_window([_with(0, *inside, outside)])
    assert series is not None
    assert series.means == {"CPU": 1.0}


def test_memory_of_one_connection_is_the_groups_own_memory_by_its_number() -> None:
    readings = (
        _reading(n / 2, processes={"backends": 4}, rss_bytes={"backends": 100 + n}, private_bytes={"backends": 40})
        for n in range(3)
    )
    (use,) = memory_by_treatment([_with(0, *readings)])
    assert use.private_each_bytes == 10
    assert use.peak_rss_bytes == 102
    assert use.mean_rss == Estimate(101, 101, 101, 0.95, 1, "bytes")
    assert use.pss_bytes is None


def test_blocks_of_a_table_add_up_over_trials() -> None:
    table = TableAccess(table="rates", heap_hit=8, heap_read=1, index_hit=1, index_read=0)
    trials = [_with(n, tables=(table,)) for n in (0, 1)]
    (joined,) = table_accesses(trials)
    assert (joined.accesses, joined.hit) == (20, 18)
    assert hit_ratio(trials[0]) == 0.9


def test_a_window_that_touched_no_table_has_no_hit_ratio() -> None:
    assert isinstance(hit_ratio(_with(0)), Refused)


def test_the_hit_ratio_can_be_a_budget() -> None:
    budget = parse_budget("cache_hit_ratio > 90%")
    assert (budget.metric, budget.limit, budget.unit) == ("cache_hit_ratio", 0.9, "1")
    assert budget.holds(0.95)
    assert not budget.holds(0.9)
