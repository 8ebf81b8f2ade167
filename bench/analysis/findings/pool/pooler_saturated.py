"""pooler-saturated: pgBouncer's single thread sets the ceiling.

Trigger: pgBouncer above 90 % of one core and nothing else nearer to its limit (``bench.analysis.bottleneck``). Where a
tenth of the operations or more open a connection, it is the handshakes that fill it: the remedy begins with those.
Source: pgBouncer is single-threaded, one instance uses one core (https://www.pgbouncer.org/faq.html); its CPU time is
read over the window.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.analysis.findings.context import throughput
from bench.analysis.measurement import Finding
from bench.analysis.wording import number, percent, rate, treatment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.analysis.findings.context import Context
    from bench.analysis.summary import TrialSummary

RULE = "pooler-saturated"
RECONNECTING = 0.1
"""Connections opened per operation, above which handshakes are named first."""


def find(context: Context) -> list[Finding]:
    """Warn where pgBouncer used its core up, and never advise a bigger pool against it."""
    affected = context.limited_by("pooler")
    if not affected:
        return []
    top, known = affected[0]
    opened = _opened(context.trials(top))
    handshakes = (
        f"Keep connections: {number(opened)} are opened per operation, and each costs the thread a login, with TLS a "
        "signature with its private key. Use a pool in the client, longer lifetimes, a key of an elliptic curve in "
        "place of RSA. Then s"
        if opened >= RECONNECTING
        else "S"
    )
    return [
        Finding(
            rule=RULE,
            severity="warning",
            status="measured",
            summary=f"pgBouncer's thread is saturated: it used {percent(known.load.pooler or 0.0)} of its one core, "
            f"{rate(throughput(top))} is its ceiling, and a bigger pool cannot lift it",
            evidence={
                "treatment": treatment(top.treatment),
                "throughput": top.metrics.get("throughput"),
                **known.evidence,
                "round_trips_per_operation": top.metrics.get("round_trips_per_operation"),
                "connections_opened_per_operation": opened,
                "treatments_affected": len(affected),
            },
            remedy=f"{handshakes}end fewer round trips per operation "
            '(`pool.reset = "none"` where sessions keep no state, prepared statements, autocommit), or run several '
            "pgBouncer processes on one port with `so_reuseport` (`pooler.processes`): each has a thread "
            "and a pool of its own.",
            source="https://www.pgbouncer.org/faq.html and https://www.pgbouncer.org/config.html#so_reuseport",
        )
    ]


def _opened(trials: Sequence[TrialSummary]) -> float:
    """Return connections opened in the windows per operation that ended there."""
    ended = sum(trial.everything.total for trial in trials)
    opened = sum(worker.connections_opened for trial in trials for worker in trial.facts.workers)
    return opened / ended if ended else 0.0
