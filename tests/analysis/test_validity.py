from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from bench.analysis.saturation import cpu_share, machine_share
from bench.model.facts import Caveat
from bench.model.sample import Outcome, Samples
from tests.analysis.synthetic import (
    MS,
    S,
    closed_loop,
    codes,
    open_loop,
    pooler_facts,
    scenario,
    server_facts,
    summary_of,
    trial_facts,
    with_outcomes,
    worker_facts,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

OPEN = {"model": "open", "rate": "1000/s"}


def caveat_of(summary: Any, code: str) -> Caveat:
    found: Iterator[Caveat] = (c for c in (*summary.caveats, *summary.everything.caveats) if c.code == code)
    return next(found)


def test_a_healthy_trial_has_no_caveat() -> None:
    treated = scenario()
    summary = summary_of(treated, pooler=pooler_facts(treated, {}), server=server_facts(treated))
    assert summary.caveats == ()
    assert summary.everything.caveats == ()


@pytest.mark.parametrize(
    ("share", "lag_ms", "saturated"),
    [(0.84, 0.2, False), (0.85, 0.2, True), (0.99, 0.2, True), (0.6, 10, False), (0.6, 11, True), (0.3, 11, False)],
)
def test_a_busy_worker_or_a_late_loop_saturates_the_generator(
    share: float,
    lag_ms: float,
    saturated: bool,  # noqa: FBT001 - a table
) -> None:
    treated = scenario()
    worker = worker_facts(treated, cpu_s=share * 2, loop_lag_p99_ns=int(lag_ms * MS))
    summary = summary_of(treated, workers=(worker,))
    assert ("generator-saturated" in codes(summary.caveats)) is saturated


def test_a_saturated_generator_leaves_closed_loop_throughput_valid_but_names_whose_ceiling_it_is() -> None:
    treated = scenario()
    summary = summary_of(treated, workers=(worker_facts(treated, cpu_s=2.0),))
    assert "ceiling of the generator" in caveat_of(summary, "generator-saturated").text
    assert summary.valid_for()


def late(samples: Samples, lag_ns: int) -> Samples:
    """Send every operation late by the same time, and let it take as long as before."""
    columns = {name: getattr(samples, name) for name in Samples.__slots__}
    for name in ("dispatched_ns", "acquired_ns", "completed_ns", "released_ns"):
        columns[name] = columns[name] + lag_ns
    return Samples(**columns)


@pytest.mark.parametrize(("lag_ms", "valid"), [(0.2, True), (5, False)])
def test_response_times_are_invalid_where_the_saturated_generator_makes_a_good_part_of_them(
    lag_ms: float,
    valid: bool,  # noqa: FBT001 - a table
) -> None:
    treated = scenario(load=OPEN, pool={"size": 8})
    samples = late(open_loop(treated, range(0, 2500 * MS, MS), service_ns=4 * MS), int(lag_ms * MS))
    summary = summary_of(treated, samples, workers=(worker_facts(treated, cpu_s=1.9),))
    assert summary.valid_for() is valid


@pytest.mark.parametrize(
    ("lag_ms", "share", "named"), [(0.9, 0.2, False), (1.2, 0.2, True), (1.2, 0.6, False), (1.2, 0.49, True)]
)
def test_lateness_of_an_idle_generator_is_named(lag_ms: float, share: float, named: bool) -> None:  # noqa: FBT001 - a table
    treated = scenario(load=OPEN)
    samples = late(open_loop(treated, range(0, 2500 * MS, MS)), int(lag_ms * MS))
    summary = summary_of(treated, samples, workers=(worker_facts(treated, cpu_s=share * 2),))
    assert ("late-generator" in codes(summary.caveats)) is named
    assert summary.valid_for()


def test_lateness_of_a_saturated_generator_leaves_the_throughput_of_a_closed_loop_valid() -> None:
    """A sixth of the response time is schedule lag, but the throughput is what it is."""
    treated = scenario(load={"model": "closed", "clients": 10, "think_time": "40ms"})
    samples = late(closed_loop(treated), 2 * MS)
    summary = summary_of(treated, samples, workers=(worker_facts(treated, cpu_s=1.9),))
    assert "generator-saturated" in codes(summary.caveats)
    assert summary.valid_for()


def test_a_generator_without_cpu_is_starved_by_others_and_not_at_its_own_limit() -> None:
    treated = scenario()
    workers = (worker_facts(treated, cpu_s=0.6, loop_lag_p99_ns=28 * MS),)
    caveat = caveat_of(summary_of(treated, workers=workers), "generator-starved")
    assert "what others left to the generator" in caveat.text


def test_waiting_for_a_free_place_is_the_scenarios_limit_not_lateness() -> None:
    treated = scenario(load={**OPEN, "max_in_flight": 5}, pool={"size": 5})
    samples = late(open_loop(treated, range(0, 2500 * MS, MS), service_ns=2 * MS), 2 * MS)
    assert "late-generator" not in codes(summary_of(treated, samples).caveats)


def test_threads_of_pgbench_share_one_account_of_cpu_time() -> None:
    treated = scenario(pool={"driver": "pgbench", "size": 10})
    workers = (worker_facts(treated, cpu_s=4.0, clients=10),)
    summary = summary_of(treated, workers=workers)
    assert cpu_share(summary) == pytest.approx(0.5)
    assert "generator-saturated" not in codes(summary.caveats)


@pytest.mark.parametrize(("cpu_s", "saturated"), [(1.79, False), (1.81, True)])
def test_one_core_is_all_that_pgbouncer_can_use(cpu_s: float, saturated: bool) -> None:  # noqa: FBT001 - a table
    treated = scenario()
    summary = summary_of(treated, pooler=pooler_facts(treated, {}, cpu_s=cpu_s))
    assert ("pooler-saturated" in codes(summary.caveats)) is saturated
    assert summary.valid_for()


@pytest.mark.parametrize(("server_cpu_s", "saturated"), [(6.2, False), (6.5, True)])
def test_everything_together_can_saturate_the_machine(server_cpu_s: float, saturated: bool) -> None:  # noqa: FBT001 - a table
    """4 cores x 2 s: the worker takes 0.6 s, the pooler 0.2 s."""
    treated = scenario()
    summary = summary_of(treated, pooler=pooler_facts(treated, {}), server=server_facts(treated, cpu_s=server_cpu_s))
    assert machine_share(summary) == pytest.approx((0.8 + server_cpu_s) / 8)
    assert ("machine-saturated" in codes(summary.caveats)) is saturated


def test_the_machine_is_not_judged_without_the_servers_cpu() -> None:
    treated = scenario()
    assert machine_share(summary_of(treated, server=server_facts(treated, cpu_s=None))) is None


@pytest.mark.parametrize(
    ("every", "outcome", "named", "valid"),
    [
        (2000, Outcome.DEADLOCK, False, True),
        (400, Outcome.DEADLOCK, True, True),
        (2, Outcome.SERIALIZATION, True, True),
        (2, Outcome.POOL_TIMEOUT, True, True),
        (25, Outcome.NO_ROWS, True, True),
        (10, Outcome.NO_ROWS, True, False),
        (10, Outcome.SQL_ERROR, True, False),
        (10, Outcome.CONSTRAINT, True, False),
    ],
)
def test_errors_are_named_above_a_thousandth_and_invalidate_where_the_workload_is_another(
    every: int,
    outcome: Outcome,
    named: bool,  # noqa: FBT001 - a table
    valid: bool,  # noqa: FBT001 - a table
) -> None:
    summary = summary_of(scenario(), with_outcomes(closed_loop(scenario()), every, outcome))
    assert ("errors" in codes(summary.everything.caveats)) is named
    assert summary.valid_for() is valid
    if named:
        assert outcome.label in caveat_of(summary, "errors").text


@pytest.mark.parametrize(("rate", "named"), [(995, False), (1100, True), (3000, True)])
def test_achieving_less_than_offered_is_named_and_valid(rate: int, named: bool) -> None:  # noqa: FBT001 - a table
    """One connection of 1 ms does 1,000/s. That it cannot do more is its answer, no fault of the measurement."""
    treated = scenario(load={"model": "open", "rate": f"{rate}/s"}, pool={"size": 1})
    summary = summary_of(treated, open_loop(treated, np.arange(0, 2.5 * S, S / rate)))
    assert ("achieved-below-offered" in codes(summary.caveats)) is named
    assert summary.valid_for()


def test_errors_are_no_shortfall_of_what_was_offered() -> None:
    """All were sent and ended in time; that some ended badly is told by the errors."""
    treated = scenario(load={"model": "open", "rate": "1000/s"}, pool={"size": 4})
    samples = with_outcomes(open_loop(treated, range(0, 2500 * MS, MS)), 4, Outcome.DEADLOCK)
    assert "achieved-below-offered" not in codes(summary_of(treated, samples).caveats)


def test_operations_never_sent_are_named() -> None:
    treated = scenario(load={"model": "open", "rate": "2000/s"}, pool={"size": 1})
    samples = open_loop(treated, range(0, 2500 * MS, MS // 2), give_up=True)
    summary = summary_of(treated, samples)
    unsent = summary.everything.outcomes["not_sent"]
    assert f"{unsent:,} operations were never sent" in caveat_of(summary, "unsent-operations").text


def test_connections_opened_in_the_window_are_named() -> None:
    treated = scenario()
    summary = summary_of(treated, workers=(worker_facts(treated, connections_opened=3),))
    assert "3 connections were opened" in caveat_of(summary, "recycled-connections").text
    assert summary.valid_for()


@pytest.mark.parametrize(("executed", "named"), [(0, True), (5, True), (6, False), (60, False)])
def test_connections_must_have_passed_the_prepare_threshold(executed: int, named: bool) -> None:  # noqa: FBT001 - a table
    treated = scenario()
    workers = (
        worker_facts(treated, clients=5),
        worker_facts(treated, clients=5, executions_per_connection_min=executed),
    )
    assert ("prepare-threshold" in codes(summary_of(treated, workers=workers).caveats)) is named


def test_settings_that_change_during_the_window_invalidate_the_trial() -> None:
    treated = scenario()
    server = server_facts(treated, settings_changed={"jit": ("off", "on")})
    summary = summary_of(treated, server=server)
    assert "jit from off to on" in caveat_of(summary, "settings-drift").text
    assert not summary.valid_for()


def slowing(step: float) -> Samples:
    """Service times that grow by a share in the middle of the window."""
    treated = scenario()
    return closed_loop(treated, service_ns=lambda i: int(10 * MS * (1 + (step if i >= 1500 else 0))))


@pytest.mark.parametrize(("step", "named", "valid"), [(0.02, False, True), (0.1, True, True), (2.0, True, False)])
def test_throughput_that_changes_for_good_is_no_steady_state(
    step: float,
    named: bool,  # noqa: FBT001 - a table
    valid: bool,  # noqa: FBT001 - a table
) -> None:
    summary = summary_of(scenario(), slowing(step))
    assert ("no-steady-state" in codes(summary.caveats)) is named
    assert summary.valid_for() is valid


@pytest.mark.parametrize(("slow_ms", "valid"), [(20, True), (100, False)])
def test_a_collapse_late_in_the_window_leaves_its_mean_without_a_meaning(slow_ms: int, valid: bool) -> None:  # noqa: FBT001 - a table
    samples = closed_loop(scenario(), service_ns=lambda i: (slow_ms if i >= 1900 else 10) * MS)
    summary = summary_of(scenario(), samples)
    assert "from the first to the second half" in caveat_of(summary, "no-steady-state").text
    assert summary.valid_for() is valid


@pytest.mark.parametrize(("slow_ms", "named", "valid"), [(10.5, False, True), (15, True, True), (40, True, False)])
def test_a_warm_up_that_reaches_into_the_window_is_named(
    slow_ms: float,
    named: bool,  # noqa: FBT001 - a table
    valid: bool,  # noqa: FBT001 - a table
) -> None:
    """The head of the window is slower: the rest is steady, and its mean differs from the whole."""
    until_1200_ms = 12_000 / slow_ms
    samples = closed_loop(scenario(), service_ns=lambda i: int((slow_ms if i < until_1200_ms else 10) * MS))
    summary = summary_of(scenario(), samples)
    assert ("no-steady-state" in codes(summary.caveats)) is named
    assert summary.valid_for() is valid
    if named:
        assert "still belong to the warm-up" in caveat_of(summary, "no-steady-state").text


def test_a_trial_without_warm_up_measures_the_cold_start_on_purpose() -> None:
    treated = scenario(warmup="0s", window="3s")
    samples = closed_loop(treated, service_ns=lambda i: (30 if i < 200 else 10) * MS)
    assert "no-steady-state" not in codes(summary_of(treated, samples).caveats)


def test_random_service_times_are_steady() -> None:
    times = np.random.default_rng(7).exponential(10 * MS, 10_000).astype(int)
    samples = closed_loop(scenario(), service_ns=lambda i: int(times[i]))
    assert "no-steady-state" not in codes(summary_of(scenario(), samples).caveats)


def test_too_few_operations_to_tell_are_named() -> None:
    treated = scenario(load={"model": "closed", "clients": 1})
    assert "few-operations" in codes(summary_of(treated, closed_loop(treated, service_ns=20 * MS)).caveats)


def test_a_ramp_is_never_steady_by_design() -> None:
    treated = scenario(load={"model": "open", "rate": "2000/s", "arrival": "ramp"}, pool={"size": 4})
    starts = np.sqrt(np.linspace(0, 1, 2500)) * 2.5 * S
    summary = summary_of(treated, open_loop(treated, starts, service_ns=3 * MS))
    assert not codes(summary.caveats) & {"no-steady-state", "achieved-below-offered", "littles-law"}


def test_notes_of_the_observers_are_kept() -> None:
    note = Caveat(code="no-track-io", text="track_io_timing is off", cure="Turn it on.")
    assert note in summary_of(scenario(), notes=(note,)).caveats


def test_every_caveat_has_numbers_or_names_and_a_cure() -> None:
    treated = scenario(load={"model": "open", "rate": "2000/s"}, pool={"size": 1})
    worker = worker_facts(treated, cpu_s=2.0, connections_opened=1, executions_per_connection_min=0)
    summary = summary_of(
        treated,
        open_loop(treated, range(0, 2500 * MS, MS // 2), give_up=True),
        workers=(worker,),
        pooler=pooler_facts(treated, {}, cpu_s=2.0),
        server=server_facts(treated, cpu_s=6.0, settings_changed={"jit": ("off", "on")}),
    )
    found = (*summary.caveats, *summary.everything.caveats)
    assert len(found) >= 8
    assert all(caveat.text and caveat.cure.endswith(".") for caveat in found)
    assert all(any(character.isdigit() for character in c.text) for c in found if c.code != "settings-drift")


def _lost_between(samples: Samples, since_ns: int, until_ns: int) -> Samples:
    inside = (samples.completed_ns >= since_ns) & (samples.completed_ns < until_ns)
    return dataclasses.replace(
        samples, outcome=np.where(inside, Outcome.CONNECTION_LOST, samples.outcome).astype(np.int8)
    )


@pytest.mark.parametrize(("until", "words"), [(0.6, "took"), (1.0, "until its end")])
def test_an_outage_is_named_with_the_time_it_took_to_recover(until: float, words: str) -> None:
    treated = scenario()
    facts = trial_facts(treated)
    start, length = facts.window_start_ns, facts.window_end_ns - facts.window_start_ns
    samples = closed_loop(treated)
    broken = _lost_between(samples, start + int(0.4 * length), start + int(until * length))
    outage = caveat_of(summary_of(treated, broken), "outage")
    assert words in outage.text
    assert not outage.invalidates
    assert summary_of(treated, broken).valid_for() is (until < 1)
    assert "outage" not in codes(summary_of(treated, samples).caveats)
