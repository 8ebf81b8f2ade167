"""The screen of `bench explain`: a line for each distinct plan, findings, doubts, and which index serves what."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from bench.analysis.explain import readable, render_tree
from bench.analysis.plan_tree import fingerprint, indexes_used
from bench.cli.output import tell
from bench.cli.screen import shown
from bench.report.numbers import quantity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.analysis.index_use import IndexUse
    from bench.analysis.plan_tree import PlanTree
    from bench.experiment.explain import Explanation
    from bench.model.facts import PlanFact

    Group = list[tuple[PlanFact, PlanTree]]

_WIDTH = 200
"""Columns where there is no terminal, so that lines are the same in every log."""


def print_explanation(explained: Explanation, *, trees: bool) -> None:
    """Print the plans of one scenario, what is wrong with them and what could not be seen."""
    groups: dict[tuple[object, ...], Group] = {}
    for fact, tree in readable(explained.facts):
        key = (fact.operation, fact.step, fact.role, fact.kind, fact.execution, fingerprint(tree))
        groups.setdefault(key, []).append((fact, tree))
    table = Table(
        "operation", "as", "plan", "sets", "rows", "buffers", "time", "shape", "indexes",
        title=shown(explained.scenario), title_justify="left", box=None,
    )  # fmt: skip
    for group in groups.values():
        table.add_row(*map(shown, _row(group)))
    _show(table)
    if trees:
        for group in groups.values():
            fact, tree = max(group, key=lambda pair: pair[1].execution_ms or 0.0)
            tell(f"\n{_statement(fact)}, as {fact.role}, {_kind(fact)}", bold=True)
            tell("\n".join(render_tree(tree)))
    for caveat in explained.caveats:
        tell(f"\ncaveat   {caveat.text}\n         {caveat.cure}")
    for finding in explained.findings:
        tell(f"\n{finding.severity:<8} {finding.rule}: {finding.summary}", bold=finding.severity == "high")
        tell(f"         {finding.remedy}")
        for line in finding.patch.text.strip().splitlines() if finding.patch else ():
            tell(f"         {line}")
    if not explained.findings:
        tell("\nnothing to find fault with")
    tell()


def print_indexes(lines: Sequence[IndexUse]) -> None:
    """Print the index-use matrix."""
    table = Table("index", "table", "used by", "scans so far", "size", "state", box=None)
    for line in lines:
        used = ", ".join(f"{name} {part}/{whole}" for name, (part, whole) in line.plans.items())
        state = f"{line.state}: {line.covered_by}" if line.covered_by else line.state
        size = quantity(line.index.size_bytes, "bytes")
        table.add_row(*map(shown, (line.index.name, line.index.table, used, f"{line.index.scans:,}", size, state)))
    _show(table)


def _show(table: Table) -> None:
    console = Console()
    Console(width=console.width if console.is_terminal else _WIDTH, highlight=False).print(table)


def _statement(fact: PlanFact) -> str:
    return f"{fact.operation}, step {fact.step}" if fact.step else fact.operation


def _kind(fact: PlanFact) -> str:
    return f"chosen, execution {fact.execution}" if fact.execution else fact.kind


def _row(group: Group) -> list[str]:
    fact, worst = max(group, key=lambda pair: pair[1].shared_buffers)
    times = [tree.execution_ms for _, tree in group if tree.execution_ms is not None]
    return [
        _statement(fact),
        fact.role,
        _kind(fact),
        str(len({one.draw for one, _ in group})),
        f"{worst.root.rows:,.0f}",
        f"{worst.shared_buffers:,}",
        quantity(max(times) / 1e3, "s") if times else "",
        fingerprint(worst)[:6],
        ", ".join(indexes_used(worst)),
    ]
