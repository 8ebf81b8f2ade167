"""S08: a column may be null for a reason only."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bench.environment.audit.claim import Claim, Proof
from bench.model.ledger import Fault

if TYPE_CHECKING:
    from bench.environment.audit.subject import Subject

_SAYS_WHY = re.compile(r"\bnull\b", re.IGNORECASE)


def prove(subject: Subject) -> Proof:
    """Look for the reason in the comment of every nullable column."""
    columns = subject.catalogue.columns
    nullable = [column for column in columns if not column.not_null]
    faults = [
        Fault(
            f"{column.table}.{column.name}",
            "it may be null, and no comment says why",
            "SET NOT NULL, or COMMENT ON COLUMN with what a null means.",
        )
        for column in nullable
        if not _SAYS_WHY.search(column.comment or "")
    ]
    return Proof(
        f"{len(columns)} columns: {len(columns) - len(nullable)} NOT NULL, {len(nullable)} nullable, "
        f"{len(nullable) - len(faults)} of those with a reason",
        {"nullable": {f"{column.table}.{column.name}": column.comment for column in nullable}},
        faults,
    )


claim = Claim("S08", "NOT NULL wherever the business needs it; every nullable column has a reason", prove)
