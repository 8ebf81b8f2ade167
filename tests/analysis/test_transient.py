"""A scenario about a start is not blamed for being one, and says what the start cost."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest

from bench.analysis.analyse import conclude
from bench.model.errors import ScenarioError
from bench.model.scenario import Run
from bench.model.scenario_text import parse_scenario
from bench.model.units import Duration
from tests.analysis.synthetic import (
    MS,
    S,
    codes,
    open_loop,
    plan_of,
    run_facts,
    scenario,
    summary_of,
    treatment_of,
    worker_facts,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.analysis.summary import TrialSummary
    from bench.model.scenario import Scenario

STEADY_STATE = {"prepare-threshold", "recycled-connections", "no-steady-state", "few-operations"}
TRANSIENT = Run(warmup=Duration(0), window=Duration(S), expect="transient")
STEADY = Run(warmup=Duration(100 * MS), window=Duration(S))


def start(run: Run, *, prewarm: bool = False) -> Scenario:
    load = {"model": "open", "rate": "500/s"}
    plain = scenario(load=load, pool={"size": 10, "prewarm": prewarm}, pooler="none", window="1s")
    return msgspec.structs.replace(plain, run=run)


def trial(
    treated: Scenario, block: int = 1, service_ns: Callable[[int], int] | int = MS, arrivals: int = 500
) -> TrialSummary:
    """Arrivals at random in the window, on connections that were opened in it."""
    instants = np.random.default_rng(block).integers(0, S, arrivals) + int(treated.run.warmup)
    samples = open_loop(treated, np.sort(instants).tolist(), service_ns=service_ns)
    cold = worker_facts(treated, connections_opened=10, executions_per_connection_min=0)
    summary = summary_of(treated, samples, block, workers=(cold,))
    treatment = {**treatment_of(treated), "pool.prewarm": treated.pool.prewarm}
    return dataclasses.replace(summary, trial=msgspec.structs.replace(summary.trial, treatment=treatment))


def first_ten(slow_ms: int) -> Callable[[int], int]:
    return lambda number: slow_ms * MS if number < 10 else MS


def test_a_start_is_not_blamed_for_being_unsteady_but_marked() -> None:
    summary = trial(start(TRANSIENT), service_ns=first_ten(100))
    assert not codes(summary.caveats) & STEADY_STATE
    (marked,) = [caveat for caveat in summary.caveats if caveat.code == "transient"]
    assert "10 connections were opened" in marked.text
    assert summary.valid_for()


def test_without_saying_so_a_start_is_doubted() -> None:
    summary = trial(start(STEADY))
    assert {"prepare-threshold", "recycled-connections"} <= codes(summary.caveats)
    assert "transient" not in codes(summary.caveats)


def test_an_expectation_excuses_nothing_that_no_system_can_do() -> None:
    treated = start(TRANSIENT)
    larger = msgspec.structs.replace(treated, pool=msgspec.structs.replace(treated.pool, size=50))
    crowded = open_loop(larger, range(0, S, 2 * MS), service_ns=100 * MS)
    assert "utilisation-law" in codes(summary_of(treated, crowded).caveats)


def findings(cold_ms: int, arrivals: int = 500) -> list[Any]:
    """Return what is found where the first ten operations of a cold pool take ``cold_ms``."""
    cold, warm = start(TRANSIENT), start(TRANSIENT, prewarm=True)
    blocks = range(1, 6)
    summaries = [trial(cold, block, first_ten(cold_ms), arrivals) for block in blocks]
    summaries += [trial(warm, block, arrivals=arrivals) for block in blocks]
    treatments = (summaries[0].trial.treatment, summaries[-1].trial.treatment)
    plan = msgspec.structs.replace(plan_of(warm), treatments=treatments)
    found = conclude(run_facts(), plan, warm, summaries, []).findings
    return [finding for finding in found if finding.rule == "cold-start"]


def test_the_first_second_is_shown_cold_and_pre_warmed_with_the_ratio_between_them() -> None:
    (finding,) = findings(cold_ms=200)
    assert finding.severity == "warning"
    assert finding.evidence["ratio"].low > 1
    assert finding.evidence["cold"].point > 0.1 > finding.evidence["prewarmed"].point
    assert "First 1 s after the start: p99" in finding.summary
    assert finding.patch.text == "[pool]\nprewarm = true\n"


def test_a_cold_start_that_costs_nothing_is_no_warning() -> None:
    (finding,) = findings(cold_ms=1)
    assert finding.severity == "info"
    assert finding.patch is None


def test_too_few_operations_for_a_p99_give_no_finding() -> None:
    assert not findings(cold_ms=200, arrivals=200)


def test_an_expectation_is_one_of_two_words() -> None:
    text = """
    name = "a"
    load = { model = "closed", clients = 1 }
    run = { expect = "sometimes" }
    operation = [{ name = "a", sql = "x" }]
    """
    with pytest.raises(ScenarioError, match=r"\$\.run\.expect"):
        parse_scenario(text)
