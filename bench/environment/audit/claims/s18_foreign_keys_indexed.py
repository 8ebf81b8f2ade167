"""S18: foreign keys are indexed on the child's side."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bench.environment.audit.claim import Claim, Proof
from bench.model.ledger import Fault

if TYPE_CHECKING:
    from bench.environment.audit.catalogue import Constraint, Index
    from bench.environment.audit.subject import Subject


def prove(subject: Subject) -> Proof:
    """For each foreign key, find an index that begins with its columns."""
    catalogue = subject.catalogue
    served: dict[str, str] = {}
    faults = []
    for key in (each for each in catalogue.constraints if each.kind == "f"):
        name = f"{key.table}.{key.name}"
        index = next((each.name for each in catalogue.indexes_of(key.table) if serves(each, key)), None)
        if index:
            served[name] = index
        else:
            columns = ", ".join(key.columns)
            faults.append(
                Fault(
                    name,
                    f"no index begins with ({columns}): deleting a row of {key.target} reads the whole of {key.table}",
                    f"CREATE INDEX ON {key.table} ({columns}).",
                )
            )
    return Proof(
        f"{len(served)} of {len(served) + len(faults)} foreign keys are indexed", {"served_by": served}, faults
    )


def serves(index: Index, key: Constraint) -> bool:
    """Tell whether an index finds the children of a parent: a partial one only if it leaves out nulls alone."""
    if not index.valid or index.method not in {"btree", "hash"}:
        return False
    if {name.strip('"') for name in index.keys[: len(key.columns)]} != set(key.columns):
        return False
    found = re.fullmatch(r'\(?"?(\w+)"? IS NOT NULL\)?', index.predicate or "")
    return index.predicate is None or (found is not None and found[1] in key.columns)


claim = Claim("S18", "Foreign keys are indexed where a parent row is deleted or joined", prove)
