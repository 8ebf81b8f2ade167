"""S17: partial indexes serve hot queries, and are small."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bench.environment.audit.claim import Claim, Proof
from bench.environment.audit.plans import served
from bench.environment.audit.session import opened, rolled_back
from bench.model.ledger import Fault

if TYPE_CHECKING:
    from bench.environment.audit.subject import Subject

INDEX = "ix_websocket_connections_active"
_WORTH = 0.5
"""A partial index that is not at most half as large as the full one is not worth its complication."""


def prove(subject: Subject) -> Proof:
    """Explain the hot queries, and compare each partial index with the same one without its condition."""
    evidence, faults = served(subject, "S17")
    partial = {each.name: each for each in subject.catalogue.indexes if each.predicate}
    with opened(subject.populated) as connection:
        for query in evidence:
            index = partial.get(query["index"])
            if index is None:
                faults.append(Fault(query["index"], "it has no condition", "Create it with its WHERE."))
                continue
            with rolled_back(connection):
                whole = re.sub(r"^CREATE INDEX \S+ ON", "CREATE INDEX audited_whole ON", index.definition)
                connection.execute(whole.partition(" WHERE ")[0].encode())
                row = connection.execute(
                    "SELECT pg_relation_size(%s::regclass), pg_relation_size('audited_whole'::regclass)", [index.name]
                ).fetchone()
            query["bytes"], query["bytes_without_condition"] = row or (0, 0)
            if query["bytes"] > _WORTH * query["bytes_without_condition"]:
                faults.append(
                    Fault(index.name, "it is not much smaller than the full index", "Narrow its condition, or drop it.")
                )
    active = next((each for each in evidence if each["index"] == INDEX), {})
    wrong = len({each.subject for each in faults})
    return Proof(
        f"{len(evidence)} partial indexes tried, {wrong} at fault; "
        f"{INDEX} has {active.get('bytes', 0) // 1024} kB, "
        f"without its condition {active.get('bytes_without_condition', 0) // 1024} kB",
        {"queries": evidence},
        faults,
    )


claim = Claim("S17", "Partial indexes serve hot queries (active websocket connections)", prove, shipped_only=True)
