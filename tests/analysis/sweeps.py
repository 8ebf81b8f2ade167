"""Sweeps of pool size whose throughputs are given: the queue in each trial is made to have them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.analysis.analyse import Analysis, conclude
from tests.analysis.synthetic import S, closed_loop, plan_of, run_facts, scenario, summary_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.analysis.summary import TrialSummary
    from bench.model.scenario import Scenario

Curve = "Mapping[int, Sequence[float]]"


def trials_of(
    treated: Scenario, throughputs: Sequence[float], facts: Mapping[str, Any] | None = None
) -> list[TrialSummary]:
    """Run one treatment, one trial per throughput: connections x 1 / service time."""
    busy = min(treated.pool.size, treated.load.clients)  # type: ignore[union-attr]
    return [
        summary_of(treated, closed_loop(treated, service_ns=round(busy * S / rate)), block, **(facts or {}))
        for block, rate in enumerate(throughputs, 1)
    ]


def sweep(
    curves: Mapping[int, Mapping[int, Sequence[float]]],
    *,
    facts: Mapping[int, Mapping[str, Any]] | None = None,
    base: Mapping[str, Any] | None = None,
    plans: Sequence[Any] = (),
    **options: Any,
) -> Analysis:
    """Analyse ``curves[clients][size]``, the throughput of each trial; ``facts`` by size, ``base`` for the pool."""
    treatments, summaries = [], []
    for clients, sizes in curves.items():
        for size, throughputs in sizes.items():
            treated = scenario(
                load={"model": "closed", "clients": clients}, pool={**(base or {}), "size": size}, **options
            )
            treatments.append(treated)
            summaries += trials_of(treated, throughputs, (facts or {}).get(size))
    whole = scenario(load={"model": "closed", "clients": max(curves)}, pool=base, **options)
    return conclude(run_facts(), plan_of(*treatments), whole, summaries, plans)
