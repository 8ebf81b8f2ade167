"""The charts over the window: what a reader sees of throughput, percentiles, failures and the pooler's gauges."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from bench.report.sections.timelines import draw_timelines
from bench.report.sections.window_lines import second_ticks

if TYPE_CHECKING:
    from bench.analysis.summary import TrialSummary
    from bench.model.facts import PoolGauges
    from bench.report.material import Material
    from bench.report.sections.figure import Figure

POOL = {"pool.size": 8, "load.clients": 100}


def trials_of(sweep: Material) -> list[TrialSummary]:
    return [one for one in sweep.trials if POOL.items() <= one.trial.treatment.items()]


def drawn(trials: list[TrialSummary]) -> tuple[dict[str, Figure], str]:
    gallery = draw_timelines(trials, None, ["pool.size", "load.clients"])
    return {figure.anchor: figure for figure in gallery.figures}, gallery.lead


def with_gauges(trial: TrialSummary, gauges: tuple[PoolGauges, ...]) -> TrialSummary:
    assert trial.facts.pooler is not None
    pooler = msgspec.structs.replace(trial.facts.pooler, gauges=gauges)
    return dataclasses.replace(trial, facts=msgspec.structs.replace(trial.facts, pooler=pooler))


def test_percentiles_run_over_the_window_where_every_tenth_has_enough_operations(sweep: Material) -> None:
    trials = trials_of(sweep)
    figures, _ = drawn(trials)
    chart = figures["timeline-percentiles"].chart
    n = min(trial.everything.durations["response_time"].n for trial in trials)
    expected = [name for name, needed in (("p50", 50), ("p95", 590), ("p99", 2990)) if n >= needed]
    assert [curve.label for curve in chart.curves] == expected  # type: ignore[union-attr]  # lines
    assert len(expected) > 1
    middle = np.median([trial.everything.durations["response_time"].blocks.quantiles_ns["p50"][0] for trial in trials])
    first = chart.curves[0].points[0]  # type: ignore[union-attr]  # lines
    assert first.y == middle * 1e-9
    assert first.low <= first.y <= first.high


def test_failures_are_drawn_beside_only_where_there_are_any(sweep: Material) -> None:
    trials = trials_of(sweep)
    figures, lead = drawn(trials)
    assert "timeline-errors" not in figures
    assert "No operation failed in them." in lead
    whole = trials[0].everything
    failing = dataclasses.replace(
        whole, outcomes={**whole.outcomes, "deadlock": 30}, failure_blocks=np.full(60, 75.0), durations=whole.durations
    )
    first = dataclasses.replace(trials[0], operations={**trials[0].operations, "*": failing})
    figures, lead = drawn([first, *trials[1:]])
    assert "between 0/s and 75.0/s" in figures["timeline-errors"].alt
    assert "30 operations did not succeed" in lead


def test_readings_are_thinned_to_their_means_with_the_lowest_and_the_highest(sweep: Material) -> None:
    """A long window has thousands: a fence of spikes to look at, and a table that nobody reads."""
    trial = trials_of(sweep)[0]
    start, end = trial.facts.window_start_ns, trial.facts.window_end_ns
    assert trial.facts.pooler is not None
    plain = trial.facts.pooler.gauges[0]
    step = (end - start) // 600
    gauges = tuple(
        msgspec.structs.replace(plain, t_ns=start + step * index, sv_active=index % 5, cl_waiting=0)
        for index in range(600)
    )
    figures, lead = drawn([with_gauges(trial, gauges)])
    chart = figures["timeline-servers"].chart
    (curve,) = chart.curves  # type: ignore[union-attr]  # lines
    assert len(curve.points) == len(figures["timeline-servers"].table.rows) == 60
    assert {(point.y, point.low, point.high) for point in curve.points} == {(2.0, 0.0, 4.0)}
    assert figures["timeline-servers"].table.rows[0][2].note == "[0, 4.00]"
    assert "timeline-waiting" not in figures, "a line on the axis looks like an empty chart"
    assert "No client waited in pgBouncer in any of 600 readings." in lead


def test_seconds_are_named_at_round_places() -> None:
    assert [name for _, name in second_ticks(300.0)] == ["0", "60", "120", "180", "240", "300", "360"]
    assert [name for _, name in second_ticks(0.4)][:3] == ["0", "0.1", "0.2"]


def test_the_wait_for_the_pool_is_drawn_where_it_can_be_seen(sweep: Material) -> None:
    waiting, _ = drawn(trials_of(sweep))
    chart = waiting["timeline-pool-wait"].chart
    first = chart.curves[0].points[0]  # type: ignore[union-attr]  # lines
    blocks = [one.everything.durations["pool_wait"].blocks.quantiles_ns["p50"][0] for one in trials_of(sweep)]
    assert first.y == np.median(blocks) * 1e-9
    still = []
    for one in trials_of(sweep):
        whole = one.everything
        nothing = dataclasses.replace(whole.durations["pool_wait"], total_ns=1)
        quiet = dataclasses.replace(whole, durations={**whole.durations, "pool_wait": nothing})
        still.append(dataclasses.replace(one, operations={**one.operations, "*": quiet}))
    assert "timeline-pool-wait" not in drawn(still)[0]
