"""S14: validating functions take good documents and reject malformed ones."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from psycopg import sql

from bench.environment.audit.claim import Claim, Proof
from bench.environment.audit.rows import refusal
from bench.environment.audit.subject import shipped_facts
from bench.model.ledger import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.environment.audit.rows import Connection
    from bench.environment.audit.subject import Subject


def prove(subject: Subject) -> Proof:
    """Ask each function about good and bad documents, then try to store the bad ones."""
    tables: dict[str, dict[str, Any]] = shipped_facts("documents")
    there = {function.name for function in subject.catalogue.functions if function.name.startswith("validate_")}
    faults = [
        Fault(name, "there is no such function", "Create it, and use it in a CHECK.") for name in set(tables) - there
    ]
    faults += [
        Fault(name, "the audit has no documents for it", "Add some to documents.toml.") for name in there - set(tables)
    ]
    evidence: dict[str, Any] = {}
    with subject.playground() as connection:
        for name in sorted(there & set(tables)):
            good, bad = tables[name]["good"], tables[name]["bad"]
            faults += _ask(connection, name, good, bad)
            faults += _store(connection, name, tables[name]["used_by"], bad)
            evidence[name] = {"good": len(good), "bad": len(bad), "used_by": tables[name]["used_by"]}
    return Proof(
        "; ".join(
            f"{name}: {each['good']} good, {each['bad']} malformed documents tried" for name, each in evidence.items()
        ),
        evidence,
        faults,
    )


def _ask(connection: Connection, name: str, good: list[str], bad: list[str]) -> Iterator[Fault]:
    query = sql.SQL("SELECT {}(%s::jsonb)").format(sql.Identifier(name))
    for expected, documents in ((True, good), (False, bad)):
        for document in documents:
            row = connection.execute(query, [document or None]).fetchone()
            if row != (expected,):
                verb = "rejects the good" if expected else "accepts the malformed"
                # A CHECK lets null pass, so null is no refusal.
                yield Fault(
                    name, f"it {verb} document {document or 'null'}", "Mend the function: answer true or false."
                )


def _store(connection: Connection, name: str, place: str, bad: list[str]) -> Iterator[Fault]:
    table, _, column = place.partition(".")
    statement = sql.SQL("UPDATE {} SET {} = %s::jsonb").format(sql.Identifier(table), sql.Identifier(column))
    for document in bad:
        refused = refusal(partial(connection.execute, statement, [document or None]), connection)
        if refused is None:
            yield Fault(place, f"it takes the malformed document {document or 'null'}", f"CHECK ({name}({column})).")
            return


claim = Claim("S14", "validate_admin_permissions(jsonb) and its like reject malformed input", prove, shipped_only=True)
