"""S04: the tables are there, and each says what it is for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.environment.audit.claim import Claim, Proof
from bench.environment.audit.subject import shipped_facts
from bench.model.ledger import Fault

if TYPE_CHECKING:
    from bench.environment.audit.subject import Subject

LEAST = 23


def prove(subject: Subject) -> Proof:
    """Count the tables in the catalogue, partitions aside, and look for each by its revision."""
    expected: dict[str, list[str]] = shipped_facts("tables")
    tables = subject.catalogue.tables
    faults = [
        Fault(name, f"revision {revision} does not create it", "Create the table in that revision.")
        for revision, names in expected.items()
        for name in names
        if name not in tables
    ]
    faults += [
        Fault(name, "no comment says what the table is for", "COMMENT ON TABLE with the business reason.")
        for name, table in tables.items()
        if not (table.comment or "").strip()
    ]
    if len(tables) < LEAST:
        faults.append(Fault("schema", f"it has {len(tables)} tables, not {LEAST}", "Restore what is missing."))
    known = {name for names in expected.values() for name in names}
    return Proof(
        f"{len(tables)} tables (at least {LEAST} claimed), partitions aside: "
        + ", ".join(f"{revision}: {len(names)}" for revision, names in expected.items()),
        {"tables": expected, "others": sorted(set(tables) - known)},
        faults,
    )


claim = Claim("S04", f"{LEAST}+ tables, each with its purpose", prove, shipped_only=True)
