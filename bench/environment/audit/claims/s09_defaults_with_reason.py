"""S09: a default is a clock, a generated key, or has a reason."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bench.environment.audit.claim import Claim, Proof
from bench.model.ledger import Fault

if TYPE_CHECKING:
    from bench.environment.audit.subject import Subject

_CLOCK = re.compile(
    r"^\(?(now\(\)|CURRENT_(TIMESTAMP|DATE|TIME)|LOCALTIME(STAMP)?|(clock|statement|transaction)_timestamp\(\))\)?"
    r"(\(\d\))?(::[\w ]+)?$",
    re.IGNORECASE,
)
_KEY = re.compile(r"^(nextval\(|gen_random_uuid\(\)|uuidv[47]\(\)|uuid_generate_v\d)", re.IGNORECASE)
_SAYS_WHY = re.compile(r"\bdefault\b", re.IGNORECASE)


def prove(subject: Subject) -> Proof:
    """Sort the defaults; one that is neither clock nor key needs a comment that speaks of it."""
    kinds: dict[str, dict[str, str]] = {"clock": {}, "generated key": {}, "with a reason": {}}
    faults = []
    for column in subject.catalogue.columns:
        name = f"{column.table}.{column.name}"
        if column.identity:
            kinds["generated key"][name] = "identity"
        if column.default is None or column.generated:
            continue
        if _CLOCK.match(column.default):
            kinds["clock"][name] = column.default
        elif _KEY.match(column.default):
            kinds["generated key"][name] = column.default
        elif _SAYS_WHY.search(column.comment or ""):
            kinds["with a reason"][name] = f"{column.default}: {column.comment}"
        else:
            faults.append(
                Fault(
                    name,
                    f"no comment says why its default is {column.default}",
                    "DROP DEFAULT, or COMMENT ON COLUMN with the reason for the default.",
                )
            )
    return Proof(", ".join(f"{len(found)} {kind}" for kind, found in kinds.items()), {"defaults": kinds}, faults)


claim = Claim("S09", "No default value without a business reason", prove)
