"""S07: every foreign key says what happens to its rows when the parent goes."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from bench.environment.audit.claim import Claim, Proof
from bench.environment.audit.subject import missing
from bench.model.ledger import Fault

if TYPE_CHECKING:
    from bench.environment.audit.subject import Subject

_ACTIONS = {"a": "NO ACTION", "r": "RESTRICT", "c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT"}


def prove(subject: Subject) -> Proof:
    """Read confdeltype: an unnamed behaviour is stored as NO ACTION."""
    keys = [each for each in subject.catalogue.constraints if each.kind == "f"]
    faults = [
        Fault(
            f"{each.table}.{each.name}",
            "its ON DELETE is the default, NO ACTION",
            "Name the behaviour: RESTRICT, CASCADE, SET NULL or SET DEFAULT.",
        )
        for each in keys
        if each.on_delete == "a"
    ]
    if subject.shipped:
        faults += missing("foreign_keys", {(each.table, each.name) for each in keys}, "the foreign key is missing")
    counted = Counter(_ACTIONS[each.on_delete] for each in keys)
    return Proof(
        f"{len(keys)} foreign keys: " + ", ".join(f"{count} {action}" for action, count in counted.most_common()),
        {"foreign_keys": {f"{each.table}.{each.name}": _ACTIONS[each.on_delete] for each in keys}},
        faults,
    )


claim = Claim("S07", "Every foreign key names its ON DELETE behaviour; no default NO ACTION", prove)
