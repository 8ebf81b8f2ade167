"""S02: every revision goes up and down, and down leads back to where up began."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.environment.audit.claim import Claim, Proof
from bench.environment.audit.lint import lint
from bench.model.ledger import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.environment.audit.ladder import Rung
    from bench.environment.audit.subject import Subject

_MOST_NAMED = 8


def prove(subject: Subject) -> Proof:
    """Take every revision up, down and up again, compare the catalogue each time, and lint the SQL."""
    faults = [
        Fault(revision.id, problem, "Write the missing direction of the revision.")
        for revision in subject.graph.revisions
        for problem in (revision.upgrade, revision.downgrade)
        if problem
    ]
    without = {fault.subject for fault in faults}
    for rung in subject.ladder:
        if rung.revision.id not in without:
            faults += _faults(rung)
    untried = [revision.id for revision in subject.revisions[len(subject.ladder) :]]
    if untried:
        faults.append(
            Fault(", ".join(untried), "they could not be tried, for what stands before them", "Mend that first.")
        )
    linted = lint(subject)
    faults += linted.faults
    tried = sum(rung.up_again is not None for rung in subject.ladder)
    facts = max((len(rung.after) for rung in subject.ladder), default=0)
    return Proof(
        f"{tried} of {len(subject.graph.revisions)} revisions went up, down and up again, {facts:,} catalogue facts "
        f"compared; {linted.summary}",
        {
            "revisions": {
                rung.revision.id: {"facts_before": len(rung.before), "facts_after": len(rung.after)}
                for rung in subject.ladder
            },
            "squawk": linted.evidence,
        },
        faults,
    )


def _faults(rung: Rung) -> Iterator[Fault]:
    name = rung.revision.id
    if rung.broke and not (rung.broke[0] == "second upgrade" and rung.left_behind):
        yield Fault(name, f"its {rung.broke[0]} fails: {rung.broke[1]}", "Mend what the server names.")
    for what, found, remedy in (
        ("leaves behind", rung.left_behind, "Drop it in the downgrade: see S03."),
        ("loses", rung.lost, "Restore in the downgrade what the upgrade removed."),
        ("alters", rung.altered, "Give it back its old shape in the downgrade."),
    ):
        if found:
            yield Fault(name, f"its downgrade {what} {some(found)}", remedy)
    if rung.different_again:
        yield Fault(
            name,
            f"its second upgrade makes {some(rung.different_again)} differently",
            "Let the upgrade depend on nothing but the revision before it.",
        )


def some(names: list[str]) -> str:
    """Name the first few of many."""
    rest = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {rest} more" if rest > 0 else "")


claim = Claim("S02", "Every revision has a real upgrade and downgrade, and down leads back to where up began", prove)
