from __future__ import annotations

import gc
import json
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest

from bench.analysis.analyse import analyse
from bench.analysis.measurement import Measurement, Verdict
from bench.design.plan import expand
from bench.model.facts import PlanFact
from bench.model.sample import Samples
from bench.model.scenario_text import decode
from tests.analysis.synthetic import LOOKUP, MS, S, closed_loop, run_facts, scenario, summary_of, trial_facts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.design.plan import Plan, Trial
    from bench.model.scenario import Scenario

PLANS = Path(__file__).parent.parent / "data" / "plans"
RAW: dict[str, Any] = {
    "name": "sweep",
    "operation": [{"name": "lookup", "sql": LOOKUP, "index": "ix_rate_tables_state_product_coverage_date"}],
    "load": {"model": "closed", "clients": 40},
    "pool": {"size": 10},
    "pooler": {"kind": "none"},
    "run": {"warmup": "500ms", "window": "1s", "replicates": 4},
    "budgets": ["p95(response_time) < 60ms", "error_rate < 1%", "throughput > 500/s"],
    "sweep": {"pool.size": [5, 10, 20, 40], "load.clients": [10, 40]},
}


def service_ns(busy: int, seed: int) -> Any:
    """A server that does twelve things at once: with more, each takes longer, and a little is lost."""
    times = np.random.default_rng(seed).gamma(8, 0.01 * S * max(1, busy / 12) / 8, 4000).astype(int)
    return lambda i: int(times[i % 4000])


def explained(name: str) -> PlanFact:
    (document,) = json.loads((PLANS / f"{name}.json").read_text())
    return PlanFact(operation="lookup", role="app", kind="custom", sql=LOOKUP, arguments=(), document=document)


def trials(
    plan: Plan, scenarios: dict[str, Scenario], *, skip: Sequence[str] = ()
) -> Iterator[tuple[Trial, Any, Samples, Sequence[PlanFact]]]:
    for trial in plan.trials:
        if trial.id in skip:
            continue
        treated = scenarios[trial.id]
        samples = closed_loop(
            treated, service_ns=service_ns(min(treated.pool.size, int(trial.treatment["load.clients"])), trial.seed)
        )
        plans = [explained("lookup_index"), explained("lookup_other_constants")]
        yield trial, trial_facts(treated, trial_id=trial.id), samples, plans


def test_a_sweep_goes_from_samples_to_verdict() -> None:
    plan, scenarios = expand(RAW, "sweep")
    analysis = analyse(run_facts(), plan, decode(RAW, "sweep"), scenarios, trials(plan, scenarios))
    assert len(analysis.measurements) == 8 * 2
    assert [m.operation for m in analysis.measurements[:2]] == ["*", "lookup"]
    order = [(m.treatment["pool.size"], m.treatment["load.clients"]) for m in analysis.measurements[::2]]
    assert order == [(size, clients) for size in (5, 10, 20, 40) for clients in (10, 40)]
    assert all(m.valid and len(m.trials) == 4 for m in analysis.measurements)
    (subject,) = analysis.answer.subjects
    assert subject.recommended == 20
    assert analysis.verdict.verdict == "pass"
    assert len(analysis.verdict.lines) == 3 * 8
    assert {finding.rule for finding in analysis.findings} == {"best-pool-size"}
    assert len(analysis.plans) == 1
    assert len(analysis.summaries) == 32


def test_the_same_files_give_the_same_bytes() -> None:
    plan, scenarios = expand(RAW, "sweep")
    written = [
        msgspec.json.encode([analysis.measurements, analysis.findings, analysis.verdict, analysis.answer])
        for analysis in (
            analyse(run_facts(), plan, decode(RAW, "sweep"), scenarios, trials(plan, scenarios)) for _ in range(2)
        )
    ]
    assert written[0] == written[1]


def test_an_interrupted_run_is_analysed_as_far_as_it_went() -> None:
    """Only the first block was finished: every treatment has one trial, and one none."""
    plan, scenarios = expand(RAW, "sweep")
    missing = [trial.id for trial in plan.trials if trial.block > 1] + [plan.trials[0].id]
    analysis = analyse(run_facts(), plan, decode(RAW, "sweep"), scenarios, trials(plan, scenarios, skip=missing))
    absent = [m for m in analysis.measurements if not m.valid]
    assert [m.treatment for m in absent] == [plan.trials[0].treatment] * 2
    assert analysis.answer.subjects[0].recommended is None
    counted = [line.treatment for line in analysis.verdict.lines if line.counts]
    assert {treatment["load.clients"] for treatment in counted} == {10, 40}
    assert analysis.verdict.verdict == "pass"


def test_a_run_without_any_trial_never_passes() -> None:
    plan, scenarios = expand(RAW, "sweep")
    analysis = analyse(run_facts(), plan, decode(RAW, "sweep"), scenarios, [])
    assert analysis.verdict.verdict == "inconclusive"
    assert all(line.reason for line in analysis.verdict.lines)


def test_samples_of_one_trial_at_a_time_are_in_memory() -> None:
    plan, scenarios = expand({**RAW, "sweep": {}}, "sweep")
    alive: list[weakref.ref[Any]] = []

    def watched() -> Iterator[tuple[Trial, Any, Samples, Sequence[PlanFact]]]:
        for trial, facts, samples, plans in trials(plan, scenarios):
            gc.collect()
            assert sum(reference() is not None for reference in alive) <= 1
            alive.append(weakref.ref(samples.completed_ns))
            yield trial, facts, samples, plans

    analyse(run_facts(), plan, decode(RAW, "sweep"), scenarios, watched())
    assert len(alive) == 4


def test_what_others_read_can_be_decoded_again() -> None:
    plan, scenarios = expand(RAW, "sweep")
    analysis = analyse(run_facts(), plan, decode(RAW, "sweep"), scenarios, trials(plan, scenarios))
    read = msgspec.json.decode(msgspec.json.encode(analysis.measurements), type=tuple[Measurement, ...])
    assert read == analysis.measurements
    assert msgspec.json.decode(msgspec.json.encode(analysis.verdict), type=Verdict) == analysis.verdict


def test_a_million_samples_keep_their_figures() -> None:
    """100 clients, 5 ms each: 20,000/s for 50 s. Sums stay exact and the law holds."""
    treated = scenario(load={"model": "closed", "clients": 100}, pool={"size": 100}, window="50s")
    per_client = 10_100
    start = np.repeat(np.arange(per_client, dtype=np.int64) * 5 * MS, 100)
    columns = np.stack([start, start, start, start + 5 * MS, start + 5 * MS, 0 * start, 0 * start], axis=1)
    samples = Samples.from_rows(columns, worker=0, start_ns=0)
    everything = summary_of(treated, samples).everything
    assert everything.durations["response_time"].n == 1_000_000
    assert everything.durations["response_time"].total_ns == 1_000_000 * 5 * MS
    assert everything.throughput == pytest.approx(20_000)
    assert everything.cycle_s == pytest.approx(0.005)
