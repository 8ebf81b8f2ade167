"""Runs that never happened, taken through the real analysis: a queue is simulated, its samples are summarised."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from bench.analysis.answer import answer_pool_size
from bench.analysis.findings import find_all
from bench.analysis.findings.context import Context
from bench.analysis.measure import measure_run
from bench.analysis.reported import measure_reported
from bench.analysis.trial import summarise
from bench.analysis.verdict import judge, judge_lines
from bench.design.plan import expand
from bench.model.facts import Caveat, ReportedTrial
from bench.model.sample import Samples
from bench.model.scenario_text import read_raw
from bench.report.material import Material
from bench.report.sections.files import RawFile
from tests.report.recorded import HOST, RUN, SQL, facts_of, plan_fact
from tests.report.simulation import simulate, simulate_open

if TYPE_CHECKING:
    from bench.analysis.summary import TrialSummary
    from bench.model.scenario import Scenario

SCENARIO = f'''name = "rating_lookup"
description = "One effective-dated rate by state, product, coverage and date"
budgets = ["p95(response_time) < 20ms", "error_rate < 0.1%"]

[load]
model = "closed"
clients = 50

[pool]
driver = "asyncpg"
size = 30

[pooler]
kind = "pgbouncer"

[run]
warmup = "100ms"
window = "400ms"
replicates = 5

[sweep]
"pool.size" = [2, 4, 8, 16, 32, 64]
"load.clients" = [10, 50, 100]

[[operation]]
name = "rating_lookup"
sql = """{SQL}"""
index = "ix_rate_tables_state_product_coverage_date"
'''


def material(text: str = SCENARIO, *, spoiled: tuple[int, int] | None = (64, 100), **changes: Any) -> Material:
    """Simulate, summarise, measure, judge and answer a scenario; ``spoiled`` is a treatment whose settings changed."""
    raw = read_raw(text, "sample.toml")
    plan, scenarios = expand(raw, "sample.toml")
    scenario = next(iter(scenarios.values()))
    summaries: list[TrialSummary] = []
    for trial in plan.trials:
        treatment = trial.treatment
        place = (treatment["pool.size"], treatment.get("load.clients", 50))
        if "load.rate" in treatment:
            rows = simulate_open(float(treatment["load.rate"]), int(place[0]), trial.seed)
        else:
            rows = simulate(int(place[1]), int(place[0]), trial.seed, len(scenario.operation))
        notes = (
            Caveat(
                code="settings-changed",
                text="work_mem changed from 4MB to 64MB while the trial ran",
                cure="Keep others away from the server, then run again.",
                invalidates=True,
            ),
        )
        facts = facts_of(trial, scenario, rows, notes if place == spoiled else ())
        summaries.append(summarise(trial, facts, Samples.from_rows(rows, 0, 0), scenarios[trial.id]))
    whole = msgspec.structs.replace(
        scenario, sweep={key: tuple(levels) for key, levels in raw.get("sweep", {}).items()}
    )
    return conclude(whole, text, plan, summaries, **changes)


def conclude(scenario: Scenario, text: str, plan: Any, summaries: list[TrialSummary], **changes: Any) -> Material:
    """Take summaries through the rest of the analysis."""
    measurements = measure_run(summaries, plan, [operation.name for operation in scenario.operation])
    lines = judge_lines(measurements, scenario.all_budgets)
    answer = answer_pool_size(measurements, lines, summaries, np.random.default_rng(7))
    verdict = judge(measurements, scenario, answer.recommended)
    plans = (plan_fact(), plan_fact(kind="generic"))
    findings = find_all(Context(RUN, scenario, measurements, summaries, plans, verdict, answer))
    values: dict[str, Any] = {
        "run": RUN,
        "measurements": measurements,
        "findings": findings,
        "verdict": verdict,
        "answer": answer,
        "scenario": scenario,
        "scenario_text": text,
        "plan": plan,
        "host": HOST,
        "trials": summaries,
        "plans": plans,
        "files": (
            RawFile("../../results/r1/run.json", "what holds for the whole run"),
            RawFile("../../results/r1/measurements.json", "every metric with its interval"),
        ),
        **changes,
    }
    return Material(**values)


OPEN = SCENARIO.replace('model = "closed"\nclients = 50', 'model = "open"\nrate = "2000/s"').replace(
    '"pool.size" = [2, 4, 8, 16, 32, 64]\n"load.clients" = [10, 50, 100]',
    '"pool.size" = [4, 8, 16]\n"load.rate" = ["1000/s", "3000/s", "5000/s", "7000/s"]',
)


ONE_FACTOR = SCENARIO.replace('"load.clients" = [10, 50, 100]\n', "")


ONE_TREATMENT = ONE_FACTOR.replace('"pool.size" = [2, 4, 8, 16, 32, 64]\n', "")


THREE_FACTORS = SCENARIO.replace(
    '"pool.size" = [2, 4, 8, 16, 32, 64]\n"load.clients" = [10, 50, 100]',
    '"pool.size" = [4, 8, 16]\n"load.clients" = [10, 50]\n"pool.reset" = ["default", "none"]',
)


WORDS = SCENARIO.replace(
    '"pool.size" = [2, 4, 8, 16, 32, 64]\n"load.clients" = [10, 50, 100]',
    '"pool.driver" = ["asyncpg", "psycopg"]',
)


def large(treatments: int = 64, operations: int = 12) -> Material:
    """Return a wide sweep over many operations, copied from one measured treatment with scaled numbers.

    Every treatment has its three trials, every operation plans from three sides with two shapes.
    """
    several = ONE_TREATMENT.replace("replicates = 5", "replicates = 3") + "".join(
        f'\n[[operation]]\nname = "operation {number}"\nsql = "select {number}"\n'
        for number in range(2, operations + 1)
    )
    small = material(several, spoiled=None)
    side = round(treatments**0.5)
    cells = [(size, clients) for size in range(1, side + 1) for clients in range(1, treatments // side + 1)]
    measurements = [
        msgspec.structs.replace(
            one,
            treatment={**one.treatment, "pool.size": 4 * size, "load.clients": 10 * clients},
            metrics={
                name: value.scaled(0.5 + size / 9 + clients / 20, value.unit) for name, value in one.metrics.items()
            },
        )
        for size, clients in cells
        for one in small.measurements
    ]
    assert small.verdict is not None
    lines = tuple(
        msgspec.structs.replace(line, treatment=one.treatment, counts=index == 0)
        for line in small.verdict.lines
        for index, one in enumerate(measurements[:: operations + 1])
    )
    trials = [
        dataclasses.replace(
            one,
            trial=msgspec.structs.replace(
                one.trial, treatment={**one.trial.treatment, "pool.size": 4 * size, "load.clients": 10 * clients}
            ),
        )
        for size, clients in cells
        for one in small.trials
    ]
    scan = {"Plan": {"Node Type": "Seq Scan", "Relation Name": "rate_tables", "Actual Loops": 1, "Actual Rows": 1}}
    plans = [
        plan_fact(name, kind=kind, document=document)
        for name in small.trials[0].operations
        if name != "*"
        for kind, document in (("custom", None), ("generic", None), ("auto", scan))
    ]
    return dataclasses.replace(
        small,
        measurements=measurements,
        verdict=msgspec.structs.replace(small.verdict, lines=lines),
        trials=trials,
        plans=plans,
    )


def reported() -> Material:
    """Return the figures of an audit that gave no evidence: 5,619/s with 100 clients and a p95 of 989 ms."""
    trial = ReportedTrial(
        treatment={"pool.size": 30, "load.clients": 100}, metrics={"throughput": 5619.0, "response_time.p95": 0.989}
    )
    text = SCENARIO.replace("p95(response_time) < 20ms", "p95(response_time) < 100ms")
    raw = read_raw(text, "sample.toml")
    _, scenarios = expand(raw, "sample.toml")
    scenario = next(iter(scenarios.values()))
    measurements = [measure_reported(trial)]
    return Material(
        run=msgspec.structs.replace(RUN, status="reported", reported=(trial,)),
        measurements=measurements,
        verdict=judge(measurements, scenario),
        scenario=scenario,
    )
