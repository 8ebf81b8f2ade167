"""S05: specialised indexes, each for a query or a constraint."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.environment.audit.claim import Claim, Proof
from bench.environment.audit.subject import missing
from bench.model.ledger import Fault

if TYPE_CHECKING:
    from bench.environment.audit.catalogue import Index
    from bench.environment.audit.subject import Subject

LEAST = 15
_SHOWN = 200


def prove(subject: Subject) -> Proof:
    """List the indexes that are more than a btree on one column, by kind, with what each one serves."""
    catalogue = subject.catalogue
    reasons = {(each.table, each.name): each.comment for each in catalogue.constraints}
    kinds: dict[str, list[dict[str, str]]] = {}
    faults = missing("indexes", {(index.table, index.name) for index in catalogue.indexes}, "the index is missing")
    counted = set()
    for index in catalogue.indexes:
        serves = index.comment or reasons.get((index.table, index.constraint_name or "")) or ""
        if not serves.strip():
            faults.append(
                Fault(
                    index.name, "no comment says which query it serves", "COMMENT ON INDEX with the query, or drop it."
                )
            )
        if not index.valid:
            faults.append(Fault(index.name, "the index is invalid: no query uses it", "REINDEX it."))
        for kind in kinds_of(index):
            counted.add(index.name)
            kinds.setdefault(kind, []).append({"index": index.name, "serves": serves[:_SHOWN]})
    if len(counted) < LEAST:
        faults.append(Fault("schema", f"it has {len(counted)} specialised indexes, not {LEAST}", "Restore them."))
    return Proof(
        f"{len(counted)} specialised indexes (at least {LEAST} claimed): "
        + ", ".join(f"{len(found)} {kind}" for kind, found in sorted(kinds.items())),
        {"kinds": kinds},
        faults,
    )


def kinds_of(index: Index) -> list[str]:
    """Name what makes an index more than a btree on one column; several may hold."""
    kinds = [index.method] if index.method != "btree" else []
    if index.predicate:
        kinds.append("partial")
    if index.included:
        kinds.append("covering")
    if index.has_expression:
        kinds.append("expression")
    if len(index.keys) > 1 and index.method == "btree":
        kinds.append("composite")
    return kinds


claim = Claim(
    "S05", f"{LEAST}+ specialised indexes, each with the query or constraint it serves", prove, shipped_only=True
)
