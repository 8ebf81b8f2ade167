"""reset-query-cost: what the driver's reset query on every release costs.

asyncpg's pool runs ``SELECT pg_advisory_unlock_all(); CLOSE ALL; UNLISTEN *; RESET ALL;`` before a connection is handed
on. Behind a pooler in transaction mode that is a second round trip and a second server assignment per operation.
Source: asyncpg, ``Connection.get_reset_query`` and ``Pool.release``
(https://magicstack.github.io/asyncpg/current/api/index.html#connection-pools); the cost is measured, not assumed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.analysis.findings.context import throughput
from bench.analysis.measurement import Finding, Patch
from bench.analysis.wording import percent, seconds, treatment
from bench.stats.estimate import Estimate
from bench.stats.replicates import mean_interval

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.analysis.findings.context import Context
    from bench.analysis.measurement import Measurement

RULE = "reset-query-cost"
LEAST_SHARE = 0.05
"""Share of a connection's hold time below which the reset is not worth a word."""
GREAT_SHARE = 0.2
_RESETS_PER_OPERATION = 0.5
_ROUND_TRIPS = 1.8


def find(context: Context) -> list[Finding]:
    """Report the cost under the treatment of the answer with the highest throughput that runs the reset."""
    affected = [measurement for measurement in context.deciding() if _resets(context, measurement)]
    if not affected:
        return []
    top = max(affected, key=throughput)
    shares = [_share(trial.everything.split.parts) for trial in context.trials(top)]
    share = mean_interval([known for known in shares if known is not None])
    if not isinstance(share, Estimate) or share.point < LEAST_SHARE:
        return []
    release = top.metrics.get("split.release")
    took = f" ({seconds(release.point)} per operation)" if release else ""
    return [
        Finding(
            rule=RULE,
            severity="warning" if share.point >= GREAT_SHARE else "info",
            status="measured",
            summary=f"The reset query on release takes {percent(share.point)} of the time a connection is held{took}",
            evidence={
                "treatment": treatment(top.treatment),
                "share_of_hold_time": share,
                "release": release,
                "round_trips_per_operation": top.metrics.get("round_trips_per_operation"),
                "server_assignments_per_operation": top.metrics.get("server_assignments_per_operation"),
                "formula": "release / (hold time), means of good operations per trial",
            },
            remedy="Turn the reset off if the application keeps no session state: no session SET, LISTEN, advisory "
            "locks or cursors WITH HOLD. Measure what it gains: `--sweep pool.reset=default,none`.",
            source="https://magicstack.github.io/asyncpg/current/api/index.html#connection-pools",
            patch=Patch(kind="scenario", text='[pool]\nreset = "none"\n', rollback='[pool]\nreset = "default"\n'),
        )
    ]


def _resets(context: Context, measurement: Measurement) -> bool:
    """Tell whether resets were seen on the server or, without its statistics, a second round trip was counted."""
    trials = context.trials(measurement)
    if not trials or any(t.scenario.pool.driver != "asyncpg" or t.scenario.pool.reset != "default" for t in trials):
        return False
    calls = max(trial.everything.split.release_calls for trial in trials)
    round_trips = measurement.metrics.get("round_trips_per_operation")
    single = not any(operation.is_transaction for operation in context.scenario.operation)
    counted = single and round_trips is not None and round_trips.point >= _ROUND_TRIPS
    return calls >= _RESETS_PER_OPERATION or counted


def _share(parts: Mapping[str, float]) -> float | None:
    """Release as a share of the time from acquire to release; None where the trial does not tell."""
    if "release" not in parts:
        return None
    held = sum(parts.get(part, 0.0) for part in ("pooler_wait", "server", "driver_and_wire", "unexplained", "release"))
    return parts["release"] / held if held > 0 else None
