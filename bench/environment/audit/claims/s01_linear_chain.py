"""S01: the revisions are one chain."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.environment.audit.claim import Claim, Proof
from bench.environment.audit.steps import StepFailed
from bench.environment.audit.subject import shipped_facts
from bench.model.ledger import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.environment.audit.graph import Graph
    from bench.environment.audit.subject import Subject


def prove(subject: Subject) -> Proof:
    """Walk the graph in the files."""
    graph = subject.graph
    faults = list(_faults(graph))
    if subject.shipped:
        expected = tuple(shipped_facts("tables"))
        missing = [name for name in expected if name not in graph.ids]
        faults += [Fault(name, "the revision is missing", "Restore its file.") for name in missing]
        extra = sorted(set(graph.ids) - set(expected))
        faults += [Fault(name, "the chain ends at 007", "Say so in the ledger too.") for name in extra]
    heads = graph.heads()
    if not (graph.duplicates() or graph.gaps() or graph.ordered()[1]):
        faults += _compare(subject, heads)
    return Proof(
        f"{len(graph.revisions)} revisions, {' → '.join(r.id for r in graph.ordered()[0])}, head {', '.join(heads)}",
        {
            "revisions": [{"id": r.id, "follows": list(r.parents), "file": r.file} for r in graph.revisions],
            "bases": graph.bases(),
            "heads": heads,
        },
        faults,
    )


def _compare(subject: Subject, heads: list[str]) -> Iterator[Fault]:
    """Ask Alembic the same question."""
    try:
        theirs = subject.steps.heads()
    except StepFailed as failure:
        yield Fault("graph", f"Alembic cannot read it: {failure}", "Mend what it names.")
        return
    if theirs != sorted(heads):
        yield Fault("graph", f"`alembic heads` says {', '.join(theirs)}", "Compare the files with version_locations.")


def _faults(graph: Graph) -> Iterator[Fault]:
    for name, files in graph.duplicates().items():
        yield Fault(name, f"the id is given by {' and '.join(files)}", "Give every revision an id of its own.")
    for parent, child in graph.gaps().items():
        yield Fault(child, f"it follows {parent}, which no file defines", "Restore the file, or correct down_revision.")
    if not graph.duplicates() and not graph.gaps():
        for name in graph.ordered()[1]:
            yield Fault(name, "it follows itself by way of others", "Break the cycle: correct down_revision.")
    if len(graph.bases()) > 1:
        yield Fault(
            ", ".join(graph.bases()), "there are several beginnings", "Let all but one follow another revision."
        )
    for revision in graph.revisions:
        followers = graph.children(revision.id)
        if len(followers) > 1 and revision.id not in graph.duplicates():
            heads = ", ".join(graph.heads())
            yield Fault(
                revision.id,
                f"the chain branches here into {' and '.join(followers)}; heads: {heads}",
                "Let one follow the other, or join them with `alembic merge`.",
            )
        if len(revision.parents) > 1:
            yield Fault(revision.id, f"it joins {' and '.join(revision.parents)}", "Rewrite the branches as one chain.")


claim = Claim("S01", "The migrations are one linear chain: one head, no cycle, no gap, unique ids", prove)
