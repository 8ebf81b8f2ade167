"""Ideas from plans: an index for a scan that throws rows away, fresh statistics, memory for a spill, no JIT."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bench.analysis.explain import parse_plan
from bench.analysis.measurement import Patch
from bench.analysis.plan_tree import q_error, walk
from bench.analysis.tuning.candidate import Candidate
from bench.analysis.tuning.propose import Idea, title_of
from bench.model.change import Change

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bench.analysis.plan_tree import PlanNode, PlanTree
    from bench.model.facts import PlanFact
    from bench.model.relations import Relation
    from bench.model.scenario import Scenario

FEWEST_ROWS = 1000
"""Rows that a scan reads, below which an index is not worth an idea."""
REMOVED = 0.5
_CONDITIONS = ("Index Cond", "Recheck Cond", "Filter")
FEWEST_ESTIMATED = 100
OFF = 10.0
"""Times by which an estimate has to be off before fresh statistics are an idea."""
JIT_SHARE = 0.2
_COLUMN = r"\(*(?:\w+\.)?\"?(?P<column>[a-z_]\w*)\"?\)?(?:::[\w ]+)?\)?"
_TERM = re.compile(rf"^{_COLUMN} (?P<operator>=|<=|>=|<|>|@>|&&|@@|\?) ")
_EXPRESSION = re.compile(r"^\(*(?P<expression>(?:lower|upper)\(.+?\)) = ")
_USING = "https://www.postgresql.org/docs/current/indexes.html"


def from_plans(scenario: Scenario, plans: Sequence[PlanFact], relations: Mapping[str, Relation]) -> list[Idea]:
    """Return ideas in the order of the plans."""
    hints = {operation.name: operation.index for operation in scenario.operation}
    found: list[Idea] = []
    for fact in (one for one in plans if one.load):
        plan = parse_plan(fact.document)
        for node in walk(plan):
            found += _indexes(node, relations, fact.operation, hints.get(fact.operation))
            found += _statistics(node, relations, fact.operation)
        found += _settings(plan, fact.operation)
    return found


def _indexes(node: PlanNode, relations: Mapping[str, Relation], operation: str, hint: str | None) -> Iterator[Idea]:
    relation = relations.get(node.relation or "")
    wasted = node.rows_read >= FEWEST_ROWS and node.rows < (1 - REMOVED) * node.rows_read
    if relation is None:
        return
    table = relations.get(relation.root or "", relation)
    lost = hint is not None and not any(f" {hint} " in index for one in relations.values() for index in one.indexes)
    texts = [node.conditions[key] for key in _CONDITIONS if key in node.conditions and (lost or key == "Filter")]
    if not texts or not (wasted or lost):
        return
    equal, ranged, inverted, expressions = _sort_terms(texts)
    why = f"{operation} reads {node.rows_read:,.0f} rows of {table.name} by {node.node_type} and keeps {node.rows:,.0f}"
    if equal or ranged:
        columns = (*equal, *ranged[:1])
        name = hint or "_".join(("ix", table.name, *columns))[:63]
        yield _index_idea(table, name, f"({', '.join(columns)})", operation, why)
    for expression in expressions[:1]:
        name = re.sub(r"\W+", "_", f"ix_{table.name}_{expression}").strip("_")[:63]
        yield _index_idea(table, name, f"({expression})", operation, why)
    for column in inverted[:1]:
        yield _index_idea(table, f"ix_{table.name}_{column}_gin"[:63], f"USING gin ({column})", operation, why)


def _sort_terms(texts: Sequence[str]) -> tuple[list[str], list[str], list[str], list[str]]:
    """Return columns compared for equality, by range and by containment, and expressions compared for equality."""
    equal: list[str] = []
    ranged: list[str] = []
    inverted: list[str] = []
    expressions: list[str] = []
    for term in (term for text in texts for term in _conjuncts(text)):
        if found := _EXPRESSION.match(term):
            expressions.append(found["expression"])
        elif " OR " not in term and (found := _TERM.match(term)):
            kind = {"=": equal}.get(found["operator"], ranged if found["operator"][0] in "<>" else inverted)
            if found["column"] not in kind:
                kind.append(found["column"])
    return equal, ranged, inverted, expressions


def _conjuncts(text: str) -> list[str]:
    """Cut a condition at its outer ANDs."""
    inner = text[1:-1] if text.startswith("(") and text.endswith(")") else text
    parts, depth, begin, quoted = [], 0, 0, False
    for place, character in enumerate(inner):
        if character == "'":
            quoted = not quoted
        elif not quoted:
            depth += {"(": 1, ")": -1}.get(character, 0)
            if depth == 0 and inner.startswith(" AND ", place):
                parts.append(inner[begin:place])
                begin = place + 5
    parts.append(inner[begin:])
    return [part.strip() for part in parts]


def _index_idea(table: Relation, name: str, what: str, operation: str, why: str) -> Idea:
    """Propose an index; on a partitioned table it is built per partition, so that a migration never locks them all."""
    tail = what if what.startswith("USING") else f"USING btree {what}"
    plain = f"CREATE INDEX {name} ON {table.name} {tail}"
    if table.partitioned:
        children = [(f"{name}_{number}"[-63:], child) for number, child in enumerate(table.partitions, 1)]
        lines = [plain.replace(f" ON {table.name}", f" ON ONLY {table.name}")]
        lines += [f"CREATE INDEX CONCURRENTLY {own} ON {child} {tail}" for own, child in children]
        lines += [f"ALTER INDEX {name} ATTACH PARTITION {own}" for own, _ in children]
        rollback = f"DROP INDEX {name};\n"
    else:
        lines = [plain.replace("CREATE INDEX", "CREATE INDEX CONCURRENTLY")]
        rollback = f"DROP INDEX CONCURRENTLY {name};\n"
    change = Change(sql=(plain, f"ANALYZE {table.name}"))
    text = "".join(f"{line};\n" for line in (*lines, f"ANALYZE {table.name}"))
    patch = Patch(kind="sql", text=text, rollback=rollback)
    caution = "Every write to the table has one index more to keep."
    return _idea(0, plain, f"index for {operation}", why, _USING, change, patch, operation, caution)


def _statistics(node: PlanNode, relations: Mapping[str, Relation], operation: str) -> Iterator[Idea]:
    relation = relations.get(node.relation or "")
    if relation is None or not node.executed or node.actual_rows is None:
        return
    if max(node.plan_rows, node.actual_rows) < FEWEST_ESTIMATED or q_error(node) < OFF:
        return
    table = relation.root or relation.name
    statement = f"ANALYZE {table}"
    why = f"{operation}: {node.plan_rows:,.0f} rows of {table} were expected, {node.actual_rows:,.0f} came"
    patch = Patch(kind="sql", text=f"{statement};\n", rollback="-- statistics need no way back\n")
    source = "https://www.postgresql.org/docs/current/planner-stats.html"
    yield _idea(0, statement, f"statistics for {operation}", why, source, Change(sql=(statement,)), patch, operation)


def _settings(plan: PlanTree, operation: str) -> Iterator[Idea]:
    spilled = [int(node.details.get("Sort Space Used", 0)) for node in walk(plan) if _sorts_on_disk(node)]
    if spilled:
        megabytes = 4
        while megabytes * 1024 < 3 * max(spilled):
            megabytes *= 2
        why = f"{operation} sorts {max(spilled):,} kB on disk; in memory it takes two to three times as much"
        source = "https://www.postgresql.org/docs/current/runtime-config-resource.html (work_mem)"
        yield _setting(
            "work_mem", f"{megabytes}MB", why, source, operation, "Each sort of each connection may take it."
        )
    if plan.jit_ms and plan.execution_ms and plan.jit_ms > JIT_SHARE * plan.execution_ms:
        why = f"{operation} spends {plan.jit_ms:,.0f} of {plan.execution_ms:,.0f} ms on compiling (JIT)"
        yield _setting("jit", "off", why, "https://www.postgresql.org/docs/current/jit-decision.html", operation, "")


def _sorts_on_disk(node: PlanNode) -> bool:
    return node.details.get("Sort Space Type") == "Disk"


def _setting(name: str, value: str, why: str, source: str, operation: str, caution: str) -> Idea:
    change = Change(server={name: value})
    patch = Patch(kind="postgresql.conf", text=f"{name} = '{value}'\n", rollback=f"# {name} as before\n")
    return _idea(1, title_of(change), f"setting for {operation}", why, source, change, patch, operation, caution)


def _idea(  # noqa: PLR0913, PLR0917 - the parts of a candidate, most of them text
    rank: int,
    title: str,
    rule: str,
    why: str,
    source: str,
    change: Change,
    patch: Patch,
    operation: str,
    caution: str = "",
) -> Idea:
    return Idea(
        rank=rank,
        candidate=Candidate(
            id="",
            title=title,
            rule=rule,
            why=why,
            source=source,
            change=change,
            patch=patch,
            operation=operation,
            caution=caution,
        ),
    )
