"""S16: a rate is found by one descent of one index."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.environment.audit.claim import Claim, Proof
from bench.environment.audit.plans import served
from bench.model.ledger import Fault

if TYPE_CHECKING:
    from bench.environment.audit.subject import Subject

INDEX = "ix_rate_tables_state_product_coverage_date"
_KEYS = ["state", "product", "coverage", "effective_date"]


def prove(subject: Subject) -> Proof:
    """Explain the rate lookup: that index, one row, no sort; and look at the index's columns."""
    evidence, faults = served(subject, "S16")
    index = next((each for each in subject.catalogue.indexes if each.name == INDEX), None)
    if index and [key.partition(" ")[0] for key in index.keys] != _KEYS:
        faults.append(Fault(INDEX, f"its columns are {', '.join(index.keys)}", f"Create it on {', '.join(_KEYS)}."))
    plans = sorted({plan for each in evidence for plan in each["plans"].values()})
    return Proof("; ".join(plans) or "no plan", {"queries": evidence, "index": index and index.definition}, faults)


claim = Claim(
    "S16",
    "The composite (state, product, coverage, effective date) index serves rate lookups",
    prove,
    shipped_only=True,
)
