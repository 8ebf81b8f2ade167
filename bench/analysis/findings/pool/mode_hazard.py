"""PO09-mode-hazard: statements that rely on session state, while connections change hands after each transaction.

Trigger: pool mode ``transaction`` or ``statement`` and a step of the scenario that sets, keeps or locks something for
the session. The next client of that server connection finds it; the one that wanted it may not.
Source: https://www.pgbouncer.org/features.html (SQL feature map for pooling modes).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bench.analysis.measurement import Finding

if TYPE_CHECKING:
    from bench.analysis.findings.context import Context

RULE = "PO09-mode-hazard"
_QUOTED = re.compile(r"'(?:[^']|'')*'|/\*.*?\*/|--[^\n]*", re.DOTALL)
_HAZARDS = {
    "session SET": (r"^\s*set\s+(?!local\b|transaction\b|constraints\b|session\s+characteristics\b)", "`SET LOCAL`"),
    "set_config for the session": (r"\bset_config\s*\([^()]*,\s*false\s*\)", "`set_config(name, value, true)`"),
    "LISTEN": (r"^\s*listen\s", "a connection of its own past the pooler"),
    "session advisory lock": (r"\bpg_(try_)?advisory_lock(_shared)?\s*\(", "`pg_advisory_xact_lock`"),
    "SQL PREPARE": (r"^\s*prepare\s+(?!transaction\b)", "the driver's prepared statements"),
    "temporary table": (
        r"\bcreate\s+(local\s+|global\s+)?temp(orary)?\s+table\b(?!.*\bon\s+commit\s+drop\b)",
        "`ON COMMIT DROP`",
    ),
    "cursor WITH HOLD": (r"\bdeclare\b.*\bwith\s+hold\b", "a cursor inside the transaction"),
    "LOAD": (r"^\s*load\s+", "`session_preload_libraries`"),
}


def find(context: Context) -> list[Finding]:
    """Report one finding per kind of hazard."""
    modes = {trial.scenario.pooler.mode for trial in context.summaries if trial.scenario.pooler.kind != "none"}
    shared = sorted(modes - {"session"})
    if not shared:
        return []
    found: dict[str, list[str]] = {}
    for operation in context.scenario.operation:
        for step in operation.steps:
            for name in hazards(step.sql):
                found.setdefault(name, []).append(f"{operation.name}: {' '.join(step.sql.split())[:80]}")
    return [
        Finding(
            rule=RULE,
            severity="high",
            status="measured",
            summary=f"{name} behind pool mode {' and '.join(shared)}: the next client of the connection inherits it",
            evidence={"statements": list(dict.fromkeys(where)), "pool_mode": shared},
            remedy=f"Use {_HAZARDS[name][1]}, or pool mode `session` with as many connections as clients.",
            source="https://www.pgbouncer.org/features.html",
        )
        for name, where in found.items()
    ]


def hazards(sql: str) -> list[str]:
    """Return what a statement leaves behind in its session. Comments and quoted text do not count."""
    bare = _QUOTED.sub("''", sql)
    return [name for name, (pattern, _) in _HAZARDS.items() if re.search(pattern, bare, re.IGNORECASE | re.DOTALL)]
