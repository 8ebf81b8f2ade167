"""Small plans as documents, for tests that count what they scan."""

from __future__ import annotations

from typing import Any

from bench.model.facts import PlanFact
from tests.analysis.synthetic import LOOKUP


def scan(relation: str, index: str | None = None, loops: int = 1) -> dict[str, Any]:
    """A scan of a relation, through an index if one is named."""
    node = {"Node Type": "Index Scan" if index else "Seq Scan", "Relation Name": relation, "Alias": relation}
    return {**node, **({"Index Name": index} if index else {}), "Actual Loops": loops, "Actual Rows": 1}


def append(*children: dict[str, Any]) -> dict[str, Any]:
    """One result after the other."""
    return {"Node Type": "Append", "Actual Loops": 1, "Actual Rows": 1, "Plans": list(children)}


def plan(root: dict[str, Any], *arguments: str, operation: str = "lookup", load: bool = True) -> PlanFact:
    """A plan of the load's own role."""
    return PlanFact(
        operation=operation,
        role="app",
        kind="custom",
        sql=LOOKUP,
        arguments=arguments,
        document={"Plan": root},
        load=load,
    )
