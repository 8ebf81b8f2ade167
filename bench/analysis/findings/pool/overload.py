"""PO02-overload: the server is at its limit, so a bigger pool only moves the queue into it.

Trigger: the server's processes use at least 80 % of the cores (``bench.analysis.bottleneck``). In the queue this looks
like a pool that is too small. A server that is not busy while its sessions wait has other answers: WT01 to WT05.
Source: https://www.pgbouncer.org/usage.html#show-pools (maxwait: "either an overloaded server or just too small of a
pool"); https://wiki.postgresql.org/wiki/Number_Of_Database_Connections.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.analysis.findings.context import throughput
from bench.analysis.measurement import Finding
from bench.analysis.wording import rate, treatment

if TYPE_CHECKING:
    from bench.analysis.findings.context import Context

RULE = "PO02-overload"


def find(context: Context) -> list[Finding]:
    """Report the treatment with the highest throughput that the server holds back."""
    affected = context.limited_by("server")
    if not affected:
        return []
    top, known = affected[0]
    queued = known.load.wait_share > 0
    statements = sorted(
        (fact for trial in context.trials(top) if trial.facts.server for fact in trial.facts.server.statements),
        key=lambda fact: -fact.total_exec_s,
    )
    costly = [f"{' '.join(fact.query.split())[:80]}: {fact.total_exec_s:.3g} s" for fact in statements[:1]]
    return [
        Finding(
            rule=RULE,
            severity="warning" if queued else "info",
            status="measured",
            summary=f"The server is at its limit in {len(affected)} of {len(context.overall())} treatments: "
            f"{known.reason}, {rate(throughput(top))} is what it gives, and a bigger pool cannot lift it",
            evidence={
                "treatment": treatment(top.treatment),
                "throughput": top.metrics.get("throughput"),
                **known.evidence,
                "most_costly_statement": costly,
                "treatments_affected": len(affected),
                "formula": "CPU time of the server's processes / (window x cores) >= 0.8",
            },
            remedy="Do not raise the pool: make the costly statements cheaper (look at their plans), lower the load, "
            "or give the server more cores. A smaller pool keeps the queue where it costs no memory.",
            source="https://www.pgbouncer.org/usage.html#show-pools and "
            "https://wiki.postgresql.org/wiki/Number_Of_Database_Connections",
        )
    ]
