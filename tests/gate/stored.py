"""Runs written without a server: simulated trials, stored as a real run is, so that a gate reads them from disk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from bench.design.plan import expand
from bench.model.facts import HostSummary, PlanFact
from bench.model.scenario_text import read_raw
from bench.store import runs
from tests.analysis.synthetic import MS, closed_loop, run_facts, server_facts, statement, trial_facts, worker_facts

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bench.model.sample import Samples
    from bench.model.scenario import Scenario

SQL = "SELECT rate FROM rate_tables WHERE state = $1"
TEXT = """\
name = "lookups"
budgets = ["p95(response_time) < 100ms"]
load = { model = "closed", clients = 4 }
pooler = { kind = "none" }
pool = { size = 4 }
run = { warmup = "100ms", window = "1s", replicates = 5 }

[[operation]]
name = "lookup"
sql = "SELECT rate FROM rate_tables WHERE state = $1"
parameters = [{ kind = "uniform", name = "state", low = 1, high = 5 }]
"""
HOST = HostSummary(machine="a1", cpu_model="a CPU", cores=2, memory_bytes=1 << 32, kernel="6.1", python="3.11")
INDEX = "ix_rate_tables_state"


def plan_document(index: str | None) -> dict[str, Any]:
    """Return EXPLAIN's answer for an index scan, or for a sequential scan."""
    scan: dict[str, Any] = {"Node Type": "Seq Scan"} if index is None else {"Node Type": "Index Scan"}
    named = {} if index is None else {"Index Name": index}
    node = {**scan, **named, "Relation Name": "rate_tables", "Alias": "rate_tables", "Actual Loops": 1}
    return {"Plan": {**node, "Actual Rows": 1, "Shared Hit Blocks": 3, "Shared Read Blocks": 0}}


def times(mean_ms: float, seed: int, spread: float = 0.02) -> Callable[[Scenario], Samples]:
    """Return trials of gamma-distributed service times; trials differ by ``spread`` beside."""
    generator = np.random.default_rng(seed)

    def draw(scenario: Scenario) -> Samples:
        level = mean_ms * float(np.exp(generator.normal(0, spread)))
        drawn = generator.gamma(4, level * MS / 4, 4000).astype(int)
        return closed_loop(scenario, service_ns=lambda number: int(drawn[number % 4000]))

    return draw


def store_run(
    results: Path,
    run_id: str,
    trial: Callable[[Scenario], Samples] | None = None,
    *,
    text: str = TEXT,
    index: str | None = INDEX,
    blocks: int = 3,
    host: HostSummary = HOST,
    worker: dict[str, Any] | None = None,
    facts: dict[str, Any] | None = None,
) -> Path:
    """Write a finished run; ``blocks`` are the buffers of one execution, ``index`` what its plans use."""
    raw = read_raw(text, "test")
    plan, treated = expand(raw, "test")
    started = run_facts(run_id=run_id, scenario=str(raw["name"]), status="running", versions={"postgresql": "18.1"})
    draw = trial or times(10, seed=sum(map(ord, run_id)))
    documents = [
        PlanFact(
            operation="lookup", role="app", kind="custom", sql=SQL, arguments=("1",), document=plan_document(index)
        )
    ]
    known = msgspec.structs.replace(started, **{"alembic_head": "007", "dataset": {"scale": 0.1}, **(facts or {})})
    with runs.create(results, known, text, plan, host) as writer:
        for each in plan.trials:
            scenario = treated[each.id]
            calls = 1000
            row = msgspec.structs.replace(statement(SQL, calls, 0.1), shared_blks_hit=blocks * calls)
            observed = trial_facts(
                scenario,
                trial_id=each.id,
                server=server_facts(scenario, [row]),
                workers=(worker_facts(scenario, **(worker or {})),),
            )
            writer.add_trial(each, observed, draw(scenario), documents, scenario.load)
        return writer.finish()
