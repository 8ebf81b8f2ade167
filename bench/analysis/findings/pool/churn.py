"""PO08-churn: pgBouncer replaced server connections while the load was steady, and each of them costs a login.

Trigger: server connections that were there at the start of a steady window and others in their place at its end, from
a tenth of the pool upwards (``SHOW SERVERS``, by the server's process id). A pool that grows is no churn.
Source: https://www.pgbouncer.org/config.html#server_lifetime and #server_idle_timeout (3600 s and 600 s by default).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.analysis.measurement import Finding, Patch
from bench.analysis.wording import percent, rate, treatment

if TYPE_CHECKING:
    from bench.analysis.findings.context import Context
    from bench.analysis.summary import TrialSummary
    from bench.model.facts import PoolerFacts

RULE = "PO08-churn"
SHARE = 0.1
GREAT_SHARE = 0.5
_DEFAULTS_S = {"server_lifetime": 3600, "server_idle_timeout": 600}


def find(context: Context) -> list[Finding]:
    """Report the treatment of the answer with the largest share of replaced connections."""
    if context.scenario.run.expect == "transient":
        return []
    found = [
        (replaced / pooler.pool_size, trial, pooler, measurement)
        for measurement in context.deciding()
        for trial in context.trials(measurement)
        if (pooler := trial.facts.pooler) is not None and (replaced := pooler.servers_replaced) and pooler.pool_size
    ]
    if not found:
        return []
    share, trial, pooler, measurement = max(found, key=lambda entry: entry[0])
    if share < SHARE:
        return []
    short = _short(pooler)
    patch = None
    if short:
        wanted = "".join(f"{name} = {_DEFAULTS_S[name]}\n" for name in short)
        patch = Patch(
            kind="pgbouncer.ini", text=wanted, rollback="".join(f"{name} = {text}\n" for name, text in short.items())
        )
    causes = " and ".join(f"`{name}` is {text} s" for name, text in short.items())
    return [
        Finding(
            rule=RULE,
            severity="warning" if share >= GREAT_SHARE else "info",
            status="measured",
            summary=f"{pooler.servers_replaced} of {pooler.pool_size} server connections ({percent(share)}) were "
            "replaced inside the window: each new one is a login that somebody waited for",
            evidence={
                "treatment": treatment(measurement.treatment),
                "servers_replaced": pooler.servers_replaced,
                "at_least": rate((pooler.servers_replaced or 0) / _window_s(trial)),
                "pool_size": pooler.pool_size,
                "logins_seen_under_way": max((gauge.sv_login for gauge in pooler.gauges), default=0),
                **{name: pooler.settings[name] for name in _DEFAULTS_S if name in pooler.settings},
                "formula": "replaced server connections in a steady window / pool size >= 0.1",
            },
            remedy=f"{causes}: set the default again, and `min_pool_size` to what is always needed."
            if short
            else "Look in pgBouncer's log for why servers were closed: errors, cancelled queries, RECONNECT.",
            source="https://www.pgbouncer.org/config.html#server_lifetime and #server_idle_timeout",
            patch=patch,
        )
    ]


def _window_s(trial: TrialSummary) -> float:
    pooler = trial.facts.pooler
    return (pooler.until_ns - pooler.since_ns) / 1e9 if pooler and pooler.until_ns > pooler.since_ns else trial.window_s


def _short(pooler: PoolerFacts) -> dict[str, str]:
    """Return the limits that are set below their defaults."""
    texts = {name: pooler.settings.get(name, "") for name in _DEFAULTS_S}
    return {name: text for name, text in texts.items() if text.isdigit() and 0 < int(text) < _DEFAULTS_S[name]}
