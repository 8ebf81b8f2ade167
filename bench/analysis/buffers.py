"""Buffers of one execution of an operation: 8 kB blocks found in the cache or read, from pg_stat_statements.

A count of work, not of time: it says the same on a fast machine and on a slow one, on a quiet one and on a busy one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.analysis.measurement import ALL_OPERATIONS
from bench.analysis.statements import normalise
from bench.stats.estimate import Refused

if TYPE_CHECKING:
    from bench.analysis.summary import TrialSummary


def count_buffers(summary: TrialSummary, name: str) -> float | Refused:
    """Return blocks per execution in one trial: over the statements of an operation, blocks by calls, added up."""
    operations = summary.scenario.operation
    if name == ALL_OPERATIONS:
        if len(operations) > 1:
            return Refused("buffers are counted for each operation by itself", 0, None)
        name = operations[0].name
    if summary.facts.server is None:
        return Refused("the server's statement statistics were not read", 0, None)
    own = next(operation for operation in operations if operation.name == name)
    texts = [normalise(step.sql) for step in own.steps]
    others = {normalise(step.sql) for operation in operations if operation.name != name for step in operation.steps}
    if shared := others & set(texts):
        return Refused(f"another operation shares a statement with it: {min(shared)[:60]}", 0, None)
    blocks = dict.fromkeys(texts, 0)
    calls = dict.fromkeys(texts, 0)
    for fact in summary.facts.server.statements:
        text = normalise(fact.query)
        if text in calls:
            blocks[text] += fact.shared_blks_hit + fact.shared_blks_read
            calls[text] += fact.calls
    if not all(calls.values()):
        return Refused("the server's statistics do not hold its statements", 0, None)
    return sum(blocks[text] / calls[text] for text in texts)
