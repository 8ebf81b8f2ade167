"""S06: business rules stand in the database, with their reasons."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.environment.audit.claim import Claim, Proof
from bench.environment.audit.subject import missing
from bench.model.ledger import Fault

if TYPE_CHECKING:
    from bench.environment.audit.subject import Subject

LEAST = 30


def prove(subject: Subject) -> Proof:
    """List every CHECK with its reason, and break each one once."""
    checks = [each for each in subject.catalogue.constraints if each.kind == "c"]
    faults = missing("checks", {(each.table, each.name) for each in checks}, "the rule is missing")
    faults += [
        Fault(f"{each.table}.{each.name}", "no comment gives its business reason", "COMMENT ON CONSTRAINT with it.")
        for each in checks
        if not (each.comment or "").strip()
    ]
    provoked = {(each.table, each.rule): each for each in subject.provocations if each.kind == "check"}
    faults += [
        Fault(
            f"{each.table}.{each.name}",
            f"no violation of it could be provoked; the last attempt met {provoked[each.table, each.name].met_instead}",
            "The rule may be unreachable: simplify it, or give a row in rows.toml that comes close to breaking it.",
        )
        for each in checks
        if not provoked[each.table, each.name].provoked
    ]
    if len(checks) < LEAST:
        faults.append(Fault("schema", f"it has {len(checks)} CHECK constraints, not {LEAST}", "Restore them."))
    met = sum(each.provoked for each in provoked.values())
    return Proof(
        f"{len(checks)} CHECK constraints (at least {LEAST} claimed) on {len({each.table for each in checks})} tables, "
        f"{met} of them provoked",
        {
            "constraints": [
                {
                    "constraint": f"{each.table}.{each.name}",
                    "reason": each.comment,
                    "provoked_by": provoked[each.table, each.name].how,
                }
                for each in checks
            ]
        },
        faults,
    )


claim = Claim("S06", f"{LEAST}+ business-rule CHECK constraints, each with its reason", prove, shipped_only=True)
