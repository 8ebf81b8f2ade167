"""Sweeps of pool size whose throughputs are given: the queue in each trial is made to have them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.analysis.analyse import conclude
from bench.model.sample import Outcome
from tests.analysis.synthetic import S, closed_loop, plan_of, run_facts, scenario, summary_of, with_outcomes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.analysis.analyse import Analysis
    from bench.analysis.summary import TrialSummary
    from bench.model.facts import HostSummary
    from bench.model.scenario import Scenario


def trials_of(
    treated: Scenario,
    throughputs: Sequence[float],
    facts: Mapping[str, Any] | None = None,
    release_share: float = 0.0,
    outcome: Outcome = Outcome.OK,
) -> list[TrialSummary]:
    """Run one treatment, one trial per throughput: connections x 1 / hold time; every 50th ends with ``outcome``."""
    busy = min(treated.pool.size, treated.load.clients)  # type: ignore[union-attr]
    found = []
    for block, rate in enumerate(throughputs, 1):
        hold_ns = round(busy * S / rate)
        release_ns = round(release_share * hold_ns)
        samples = closed_loop(treated, service_ns=hold_ns - release_ns, release_ns=release_ns)
        found.append(summary_of(treated, with_outcomes(samples, 50, outcome), block, **(facts or {})))
    return found


def sweep(
    curves: Mapping[int, Mapping[int, Sequence[float]]],
    *,
    facts: Mapping[int, Mapping[str, Any]] | None = None,
    base: Mapping[str, Any] | None = None,
    plans: Sequence[Any] = (),
    release_share: float = 0.0,
    outcome: Outcome = Outcome.OK,
    host: HostSummary | None = None,
    run: Mapping[str, Any] | None = None,
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
            summaries += trials_of(treated, throughputs, (facts or {}).get(size), release_share, outcome)
    whole = scenario(load={"model": "closed", "clients": max(curves)}, pool=base, **options)
    return conclude(run_facts(**(run or {})), plan_of(*treatments), whole, summaries, plans, host)
