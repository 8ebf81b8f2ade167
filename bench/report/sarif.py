"""A judgement as SARIF 2.1.0, which code hosts show beside the line of the scenario that states the budget.

Only what did not pass is a result: `error` for a failure, `warning` for what is inconclusive.
Source: OASIS, Static Analysis Results Interchange Format 2.1.0.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from bench import __version__

if TYPE_CHECKING:
    from bench.report.gate import GateDocument, GateRow

SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_RULES: Final = {
    "budget": ("BudgetMissed", "A budget of the scenario is missed, or cannot be judged."),
    "comparison": ("Regression", "A metric is worse than the baseline's, or the difference cannot be told from noise."),
    "plan": ("PlanChanged", "The plan of an operation is not the baseline's."),
}
_LEVELS: Final = {"fail": "error", "inconclusive": "warning"}


def render_sarif(document: GateDocument) -> str:
    """Return the log; the same judgement gives the same text."""
    rules = list(_RULES)
    results = [_result(document, row, rules) for row in document.deciding if row.verdict in _LEVELS]
    driver: dict[str, Any] = {
        "name": "poolbench",
        "version": __version__,
        "rules": [
            {"id": rule, "name": name, "shortDescription": {"text": text}} for rule, (name, text) in _RULES.items()
        ],
    }
    run = {
        "tool": {"driver": driver},
        "automationDetails": {"id": f"poolbench/{document.scenario}/"},
        "columnKind": "unicodeCodePoints",
        "results": results,
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False) + "\n"


def _result(document: GateDocument, row: GateRow, rules: list[str]) -> dict[str, Any]:
    seen = ", ".join(part for part in (row.observed, row.against, row.change) if part)
    operation = "all operations" if row.operation == "all" else row.operation
    text = f"{row.what} for {operation}" + (f": {seen}" if seen else "")
    return {
        "ruleId": row.kind,
        "ruleIndex": rules.index(row.kind),
        "level": _LEVELS[row.verdict],
        "message": {"text": f"{text}. {row.reason}".rstrip(" .") + "."},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": quote(document.origin.source or "scenario.toml")},
                    "region": {"startLine": row.line},
                }
            }
        ],
        "partialFingerprints": {"poolbenchLine/v1": hashlib.sha256(row.key.encode()).hexdigest()[:32]},
    }
