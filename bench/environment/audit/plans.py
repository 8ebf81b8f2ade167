"""Plans of prepared queries, as the owner and as the application see them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg import sql

from bench.analysis.explain import parse_plan
from bench.analysis.plan_tree import walk
from bench.environment.audit.rows import acting_as, refusal
from bench.environment.audit.session import opened
from bench.environment.audit.subject import shipped_facts
from bench.model.ledger import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.analysis.plan_tree import PlanTree
    from bench.environment.audit.rows import Connection
    from bench.environment.audit.subject import Subject

MODES = ("custom", "generic")


def explain_prepared(connection: Connection, statement: str, arguments: str, mode: str) -> PlanTree:
    """Execute a prepared statement under EXPLAIN. ``mode`` says whether the planner knows the arguments."""
    values = connection.execute(f"SELECT {arguments}".encode()).fetchone() or ()
    connection.execute(sql.SQL("SET LOCAL plan_cache_mode = {}").format(sql.SQL(f"force_{mode}_plan")))
    connection.execute("DEALLOCATE ALL")
    connection.execute(f"PREPARE audited AS {statement}".encode())
    call = sql.SQL("EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE audited({})")
    row = connection.execute(call.format(sql.SQL(", ").join(map(sql.Literal, values)))).fetchone()
    return parse_plan(row[0] if row else None)


def served(subject: Subject, claim: str) -> tuple[list[dict[str, Any]], list[Fault]]:
    """Explain the queries of a claim as both roles, arguments known and unknown; returns evidence and faults."""
    queries: list[dict[str, Any]] = shipped_facts("queries")[claim]
    access = shipped_facts("access")
    evidence: list[dict[str, Any]] = []
    faults: list[Fault] = []
    known = {index.name for index in subject.catalogue.indexes}
    with opened(subject.populated) as connection:
        for query in queries:
            if query["index"] not in known:
                faults.append(Fault(query["index"], "there is no such index", f"Create it: {query['serves']}."))
                continue
            seen: dict[str, str] = {}
            for role in (access["owner"], access["role"]):
                for mode in MODES:
                    shape, problems = _judge(connection, query, role, mode)
                    seen[f"{role}, {mode} plan"] = shape
                    faults += problems
            evidence.append({"index": query["index"], "serves": query["serves"], "plans": seen})
    return evidence, faults


def _judge(connection: Connection, query: dict[str, Any], role: str, mode: str) -> tuple[str, list[Fault]]:
    plan: list[PlanTree] = []

    def look() -> None:
        with acting_as(connection, role):
            plan.append(explain_prepared(connection, query["sql"], query["arguments"], mode))

    refused = refusal(look, connection)
    if refused:
        return str(refused), [
            Fault(query["index"], f"{role} cannot ask for {query['serves']}: {refused}", "GRANT what the query needs.")
        ]
    return _shape(plan[0]), list(_problems(plan[0], query, f"{role}, {mode} plan"))


def _problems(plan: PlanTree, query: dict[str, Any], who: str) -> Iterator[Fault]:
    nodes = list(walk(plan))
    remedy = "Restore the index, or the form of the query it serves; compare types and operators."
    scan = query.get("scan")
    used = [node for node in nodes if node.index == query["index"] and node.node_type == (scan or node.node_type)]
    if not used:
        yield Fault(query["index"], f"it does not serve {query['serves']} ({who}): {_shape(plan)}", remedy)
        return
    if any("Sort" in node.node_type for node in nodes):
        yield Fault(query["index"], f"its order is not used ({who}): {_shape(plan)}", remedy)
    if nodes[0].rows < 1:
        yield Fault(query["index"], f"the query finds nothing ({who})", "Correct the audit's population.")
    if "rows" in query and used[0].rows_read != query["rows"]:
        yield Fault(query["index"], f"it yields {used[0].rows_read:g} rows, not {query['rows']} ({who})", remedy)


def _shape(plan: PlanTree) -> str:
    """Write a plan in a line."""
    return " > ".join(
        f"{node.node_type}{f' {node.index or node.relation}' if node.index or node.relation else ''}"
        for node in walk(plan)
    )
