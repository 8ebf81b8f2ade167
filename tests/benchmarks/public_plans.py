"""Whether the plan parser reads plans that others keep: `python -m tests.benchmarks.public_plans FOLDER…`.

Looks for EXPLAIN documents in every text file of the folders, as JSON files or within source and snapshots (escaped
ones too), and reads each as a run's plans are read: parsed, walked, fingerprinted, rendered, judged by every rule.
Prints how many were found and each that failed. None of them is kept here.
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.analysis.explain import parse_plan, render_tree
from bench.analysis.findings.plans import find_in_plans
from bench.analysis.plan_tree import exclusive_time, fingerprint, walk
from bench.model.facts import PlanFact
from bench.model.scenario_text import decode

if TYPE_CHECKING:
    from collections.abc import Iterator

_BEGIN = re.compile(r'\{\s*"Plan"\s*:\s*\{')
SCENARIO = decode(
    {"name": "public", "operation": [{"name": "op", "sql": "SELECT 1"}], "load": {"model": "closed", "clients": 1}},
    "public",
)


def documents(text: str) -> Iterator[dict[str, Any]]:
    """Yield the EXPLAIN documents in a text: plain, or escaped as a string of another language."""
    decoder = json.JSONDecoder(strict=False)
    for variant in (text, text.replace("\\n", "\n").replace('\\"', '"').replace("\\\\", "\\")):
        found = False
        for match in _BEGIN.finditer(variant):
            try:
                document, _ = decoder.raw_decode(variant, match.start())
            except json.JSONDecodeError:
                continue
            if "Node Type" in document["Plan"]:
                found = True
                yield document
        if found:
            return


def read_whole(document: dict[str, Any]) -> int:
    """Do with a plan what a run does; return its nodes."""
    tree = parse_plan(document)
    nodes = list(walk(tree))
    if any(own < 0 for _, own in exclusive_time(tree)) or len(render_tree(tree)) < len(nodes):
        raise ValueError("a node has negative time or no line")
    fingerprint(tree)
    fact = PlanFact(operation="op", role="app", kind="custom", sql="", arguments=(), document=document)
    find_in_plans([fact], SCENARIO)
    return len(nodes)


def main() -> None:
    """Read everything below the folders named."""
    counts: Counter[str] = Counter()
    for path in sorted(path for name in sys.argv[1:] for path in Path(name).rglob("*") if path.is_file()):
        text = path.read_text(errors="replace")
        if '"Node Type' not in text and 'Node Type\\"' not in text:
            continue
        for document in documents(text):
            counts["documents"] += 1
            counts["parallel"] += '"Workers Planned"' in json.dumps(document)
            try:
                counts["nodes"] += read_whole(document)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is what is looked for
                counts["failed"] += 1
                sys.stdout.write(f"{path}: {type(error).__name__}: {error}\n")
    told = ", ".join(f"{counts[key]:,} {key}" for key in ("documents", "parallel", "nodes", "failed"))
    sys.stdout.write(f"{told}\n")


if __name__ == "__main__":
    main()
