"""S15: GIN indexes serve the queries into JSON documents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.environment.audit.claim import Claim, Proof
from bench.environment.audit.plans import served
from bench.model.ledger import Fault

if TYPE_CHECKING:
    from bench.environment.audit.subject import Subject


def prove(subject: Subject) -> Proof:
    """Explain real queries as owner and as application; every GIN index must serve one."""
    evidence, faults = served(subject, "S15")
    asked = {each["index"] for each in evidence}
    faults += [
        Fault(index.name, "no query of the audit uses it", "Add its query to queries.toml, or drop it.")
        for index in subject.catalogue.indexes
        if index.method == "gin" and index.name not in asked
    ]
    plans = sum(len(each["plans"]) for each in evidence)
    return Proof(
        f"{len(evidence)} GIN indexes, {plans} plans read, {len(faults)} of them at fault",
        {"queries": evidence},
        faults,
    )


claim = Claim("S15", "GIN indexes serve JSONB queries on vehicle and policy data", prove, shipped_only=True)
