"""Which index would serve a scan? B-tree, GIN, expression, partial, BRIN and covering ones, as far as the plan tells.

A condition of the plan shows arguments as constants; which of them are the statement's own is read from its text, and
only those may stand in the predicate of a partial index.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bench.analysis.explain import parse_plan
from bench.analysis.measurement import Patch
from bench.analysis.plan_tree import walk
from bench.analysis.tuning.propose import make_idea
from bench.model.change import Change

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bench.analysis.plan_tree import PlanNode
    from bench.analysis.tuning.propose import Idea
    from bench.model.facts import PlanFact
    from bench.model.relations import Relation
    from bench.model.scenario import Scenario

FEWEST_ROWS = 1000
"""Rows that a scan reads, below which an index is not worth an idea."""
REMOVED = 0.5
FEWEST_FOR_BRIN = 10_000
"""Rows of a table below which its block ranges are too few to leave any out."""
CORRELATED = 0.9
FEWEST_FETCHES = 20
"""Rows fetched from the table by one execution, from which on a covering index is an idea."""
WIDEST_BYTES = 64
MOST_INCLUDED = 5
LONGEST_NAME = 63
_CONDITIONS = ("Index Cond", "Recheck Cond", "Filter")
_COLUMN = r"\(*(?:\w+\.)?\"?(?P<column>[a-z_]\w*)\"?\)?(?:::[\w ]+)?\)?"
_TERM = re.compile(rf"^{_COLUMN} (?P<operator>=|<=|>=|<|>|@>|&&|@@|\?) ")
_NULL = re.compile(rf"^{_COLUMN} IS (?P<not>NOT )?NULL")
_EXPRESSION = re.compile(r"^\(*(?P<expression>(?:lower|upper)\(.+?\)) = ")
_KEYS = re.compile(r"USING btree \((?P<keys>[^()]*)\)(?P<rest>.*)")
_QUOTED = re.compile(r"'(?:[^']|'')*'")
_WORD = re.compile(r"[a-z_]\w*", re.IGNORECASE)
_STAR = re.compile(r"(?:\bselect|,|\.)\s*\*", re.IGNORECASE)
_USING = "https://www.postgresql.org/docs/current/indexes.html"
_PARTIAL = "https://www.postgresql.org/docs/current/indexes-partial.html"
_BRIN = "https://www.postgresql.org/docs/current/brin.html"
_COVERING = "https://www.postgresql.org/docs/current/indexes-index-only-scans.html"


@dataclass(slots=True)
class Terms:
    """The conjuncts of a scan's conditions by kind; columns in the order of the plan."""

    equal: list[str] = field(default_factory=list)
    ranged: list[str] = field(default_factory=list)
    inverted: list[str] = field(default_factory=list)
    expressions: list[str] = field(default_factory=list)
    nulls: dict[str, str] = field(default_factory=dict)
    """``IS NULL`` or ``IS NOT NULL`` by column."""


def from_plans(scenario: Scenario, plans: Sequence[PlanFact], relations: Mapping[str, Relation]) -> list[Idea]:
    """Return indexes that may help the load's plans, in their order. What a finding proposes is no part of it."""
    hints = {operation.name: operation.index for operation in scenario.operation}
    return [
        idea
        for fact in plans
        if fact.load
        for node in walk(parse_plan(fact.document))
        for idea in index_ideas(node, relations, fact, hints.get(fact.operation))
    ]


def index_ideas(node: PlanNode, relations: Mapping[str, Relation], fact: PlanFact, hint: str | None) -> Iterator[Idea]:
    """Return indexes that may help one scan; ``hint`` names the one that its scenario counts on."""
    relation = relations.get(node.relation or "")
    if relation is None:
        return
    table = relations.get(relation.root or "", relation)
    wasted = node.rows_read >= FEWEST_ROWS and node.rows < (1 - REMOVED) * node.rows_read
    lost = hint is not None and not any(f" {hint} " in index for one in relations.values() for index in one.indexes)
    texts = [node.conditions[key] for key in _CONDITIONS if key in node.conditions and (lost or key == "Filter")]
    why = (
        f"{fact.operation} reads {node.rows_read:,.0f} rows of {table.name} by {node.node_type} "
        f"and keeps {node.rows:,.0f}"
    )
    if texts and (wasted or lost):
        terms = _sort_terms(texts)
        yield from _plain(table, terms, fact, why, hint)
        if wasted:
            yield from _partial(table, terms, fact, why)
            yield from _block_range(table, terms, fact, why)
    yield from _covering(node, relation, table, fact)


def _plain(table: Relation, terms: Terms, fact: PlanFact, why: str, hint: str | None) -> Iterator[Idea]:
    columns = (*terms.equal, *terms.ranged[:1])
    if columns:
        name = hint or "_".join(("ix", table.name, *columns))
        yield _index_idea(table, name, f"({', '.join(columns)})", fact.operation, why)
    for expression in terms.expressions[:1]:
        name = re.sub(r"\W+", "_", f"ix_{table.name}_{expression}").strip("_")
        yield _index_idea(table, name, f"({expression})", fact.operation, why)
    for column in terms.inverted[:1]:
        yield _index_idea(table, f"ix_{table.name}_{column}_gin", f"USING gin ({column})", fact.operation, why)


def _partial(table: Relation, terms: Terms, fact: PlanFact, why: str) -> Iterator[Idea]:
    """Propose an index on the rows that the statement's own constants select."""
    constants = {column: text for column in terms.equal if (text := _constant(column, fact.sql))}
    predicates = [f"{column} = {text}" for column, text in constants.items()]
    predicates += [f"{column} {text}" for column, text in terms.nulls.items()]
    if not predicates:
        return
    columns = [column for column in terms.equal if column not in constants] + terms.ranged[:1]
    keys = columns or [*constants, *terms.nulls][:1]
    named = "_".join(re.sub(r"\W+", "_", predicate).strip("_") for predicate in predicates).casefold()
    what = f"({', '.join(keys)}) WHERE {' AND '.join(predicates)}"
    yield _index_idea(table, f"ix_{table.name}_{'_'.join(keys)}_{named}", what, fact.operation, why, _PARTIAL)


def _block_range(table: Relation, terms: Terms, fact: PlanFact, why: str) -> Iterator[Idea]:
    """Propose BRIN where a range is asked of a column whose values lie in the order of the table."""
    for name in terms.ranged:
        column = table.columns.get(name)
        if column and abs(column.correlation) >= CORRELATED and _rows(table) >= FEWEST_FOR_BRIN:
            told = f"{why}; {name} lies in the order of the table (correlation {column.correlation:.2f})"
            what = f"USING brin ({name})"
            yield _index_idea(table, f"ix_{table.name}_{name}_brin", what, fact.operation, told, _BRIN, rank=1)


def _rows(table: Relation) -> float:
    """Return the planner's estimate; that of a partitioned table itself may be 0 or old."""
    return table.rows or (FEWEST_FOR_BRIN if table.partitioned else 0.0)


def _covering(node: PlanNode, relation: Relation, table: Relation, fact: PlanFact) -> Iterator[Idea]:
    """Propose to keep in the index what the statement fetches from the table, row by row."""
    if node.node_type not in ("Index Scan", "Bitmap Heap Scan") or node.rows_read < FEWEST_FETCHES:
        return
    used = _columns_named(fact.sql, relation)
    indexes = [each for each in (node.index, *(child.index for child in node.children)) if each]
    definition = next((text for text in relation.indexes if any(f" {name} " in text for name in indexes)), None)
    keys = _KEYS.search(definition or "")
    if used is None or keys is None or keys["rest"].strip():
        return
    own = {word.casefold() for word in _WORD.findall(keys["keys"])}
    missing = [column for column in used if column not in own]
    wide = any(relation.columns[column].width_bytes > WIDEST_BYTES for column in missing)
    if not missing or len(missing) > MOST_INCLUDED or wide:
        return
    why = f"{fact.operation} fetches {node.rows_read:,.0f} rows of {table.name} that {indexes[0]} found, one by one"
    first = keys["keys"].replace(",", " ").split()[0]
    name = f"ix_{table.name}_{first}_incl_{'_'.join(missing)}"
    what = f"({keys['keys']}) INCLUDE ({', '.join(missing)})"
    yield _index_idea(table, name, what, fact.operation, why, _COVERING, rank=1, refresh="VACUUM (ANALYZE)")


def _columns_named(statement: str, relation: Relation) -> list[str] | None:
    """Return the columns of a table that a statement names; None where it asks for all of them or for other tables."""
    text = _QUOTED.sub("''", statement)
    if _STAR.search(text) or re.search(r"\bjoin\b|\bwith\b", text, re.IGNORECASE) or not relation.columns:
        return None
    words = {word.casefold() for word in _WORD.findall(text)}
    return [column for column in relation.columns if column in words]


def _constant(column: str, statement: str) -> str | None:
    """Return the literal that a statement itself compares a column with."""
    literal = r"(?P<literal>'(?:[^']|'')*'|-?\d+(?:\.\d+)?|true|false)(?![\w.])"
    found = re.search(rf"\b{column}\b\"?\s*=\s*{literal}", statement, re.IGNORECASE)
    return found["literal"] if found else None


def _sort_terms(texts: Sequence[str]) -> Terms:
    """Sort the conjuncts: equality, range and containment of columns, equality of expressions, null or not."""
    terms = Terms()
    for term in (term for text in texts for term in _conjuncts(text)):
        if found := _EXPRESSION.match(term):
            terms.expressions.append(found["expression"])
        elif found := _NULL.match(term):
            terms.nulls[found["column"]] = "IS NOT NULL" if found["not"] else "IS NULL"
        elif " OR " not in term and (found := _TERM.match(term)):
            operator = found["operator"]
            kind = terms.equal if operator == "=" else terms.ranged if operator[0] in "<>" else terms.inverted
            if found["column"] not in kind:
                kind.append(found["column"])
    return terms


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


def _index_idea(
    table: Relation,
    name: str,
    what: str,
    operation: str,
    why: str,
    source: str = _USING,
    *,
    rank: int = 0,
    refresh: str = "ANALYZE",
) -> Idea:
    """Propose an index; on a partitioned table it is built per partition, so that a migration never locks them all.

    ``refresh`` comes after it: an index-only scan needs the visibility map that VACUUM keeps.
    """
    short = name[:LONGEST_NAME].rstrip("_")
    tail = what if what.startswith("USING") else f"USING btree {what}"
    plain = f"CREATE INDEX {short} ON {table.name} {tail}"
    if table.partitioned:
        children = [(f"{short}_{number}"[-LONGEST_NAME:], child) for number, child in enumerate(table.partitions, 1)]
        lines = [plain.replace(f" ON {table.name}", f" ON ONLY {table.name}")]
        lines += [f"CREATE INDEX CONCURRENTLY {own} ON {child} {tail}" for own, child in children]
        lines += [f"ALTER INDEX {short} ATTACH PARTITION {own}" for own, _ in children]
        rollback = f"DROP INDEX {short};\n"
    else:
        lines = [plain.replace("CREATE INDEX", "CREATE INDEX CONCURRENTLY")]
        rollback = f"DROP INDEX CONCURRENTLY {short};\n"
    change = Change(sql=(plain, f"{refresh} {table.name}"))
    text = "".join(f"{line};\n" for line in (*lines, f"{refresh} {table.name}"))
    patch = Patch(kind="sql", text=text, rollback=rollback)
    caution = "Every write to the table has one index more to keep."
    return make_idea(rank, plain, f"index for {operation}", why, source, change, patch, operation, caution)
