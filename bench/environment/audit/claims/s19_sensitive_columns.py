"""S19: secrets are marked for encryption, and none is stored in the clear."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bench.environment.audit.claim import Claim, Proof
from bench.environment.audit.subject import shipped_facts
from bench.model.ledger import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.environment.audit.catalogue import Column
    from bench.environment.audit.subject import Subject

TAG = re.compile(r"\bsensitive: kms\b")
_SECRET = re.compile(r"password|passwd|secret|token|_hash$|_encrypted$|verifier|ssn|license_number|private_key|api_key")


def prove(subject: Subject) -> Proof:
    """Compare the names of columns with their tags and types: a secret is bytes, or text held to a hash format."""
    allowed = shipped_facts("sensitive")
    catalogue = subject.catalogue
    checked = {
        (each.table, name): each.name for each in catalogue.constraints if each.kind == "c" for name in each.columns
    }
    tagged = [column for column in catalogue.columns if TAG.search(column.comment or "")]
    suspected = [
        column
        for column in catalogue.columns
        if _SECRET.search(column.name) and f"{column.table}.{column.name}" not in allowed["public"]
    ]
    faults: list[Fault] = []
    for column in suspected:
        faults += _faults(column, checked.get((column.table, column.name)))
    for column in tagged:
        name = f"{column.table}.{column.name}"
        if column.type != "bytea" and name not in allowed["text"]:
            faults.append(
                Fault(name, f"it is marked as sensitive but stored as {column.type}", "Store the encrypted bytes.")
            )
    return Proof(
        f"{len(tagged)} columns tagged `sensitive: kms`, {len(suspected)} names that sound like a secret, all tagged"
        if not faults
        else f"{len(tagged)} columns tagged, {len(faults)} faults",
        {
            "tagged": {f"{column.table}.{column.name}": column.type for column in tagged},
            "text_by_reason": allowed["text"],
            "no_secret_by_reason": allowed["public"],
        },
        faults,
    )


def _faults(column: Column, check: str | None) -> Iterator[Fault]:
    name = f"{column.table}.{column.name}"
    if not TAG.search(column.comment or ""):
        yield Fault(
            name, "its name says secret, its comment lacks the tag", "Add `sensitive: kms` to COMMENT ON COLUMN."
        )
    if check is None:
        yield Fault(name, "no CHECK keeps plain text out of it", "Add a CHECK on its length or format.")


claim = Claim("S19", "Sensitive columns are marked for encryption; no plain-text secret", prove, shipped_only=True)
