from __future__ import annotations

import pytest

from bench.analysis.index_use import covers, tabulate_indexes
from bench.model.facts import PlanFact
from bench.model.indexes import IndexFact


def index(name: str, *columns: str, **fields: object) -> IndexFact:
    """Return a btree on a table ``t``."""
    whole = {"table": "t", "definition": "", "method": "btree", **fields}
    return IndexFact(name=name, columns=columns, **whole)  # type: ignore[arg-type]  # the test's own fields


def plan(used: str, operation: str = "op", *, load: bool = True) -> PlanFact:
    """Return a plan that scans one index."""
    node = {"Node Type": "Index Scan", "Relation Name": "t", "Index Name": used, "Actual Loops": 1, "Actual Rows": 1}
    return PlanFact(
        operation=operation, role="app", kind="custom", sql="", arguments=(), document={"Plan": node}, load=load
    )


@pytest.mark.parametrize(
    ("other", "one", "expected"),
    [
        (index("b", "x", "y"), index("a", "x"), True),
        (index("b", "y", "x"), index("a", "x"), False),
        (index("b", "x DESC", "y"), index("a", "x"), False),
        (index("b", "x", "y"), index("a", "x", unique=True), False),
        (index("b", "x", "y"), index("a", "x", constraint=True), False),
        (index("b", "x", "y", predicate="(x > 0)"), index("a", "x"), False),
        (index("b", "x", "y", method="gist"), index("a", "x", method="gist"), False),
        (index("b", "x", "y", table="u"), index("a", "x"), False),
        (index("b", "x"), index("a", "x", included=("z",)), False),
        (index("b", "x", "z"), index("a", "x", included=("z",)), True),
        (index("a", "x"), index("b", "x"), True),
        (index("b", "x"), index("a", "x"), False),
        (index("b", "x", unique=True), index("a", "x"), True),
    ],
)
def test_an_index_is_redundant_where_another_begins_with_its_columns(
    other: IndexFact, one: IndexFact, *, expected: bool
) -> None:
    assert covers(other, one) is expected


def test_lines_say_who_uses_an_index_and_whether_anybody_does() -> None:
    indexes = [
        index("pk", "id", unique=True, constraint=True),
        index("short", "x"),
        index("long", "x", "y"),
        index("lonely", "z"),
        index("counted", "w", scans=7),
    ]
    lines = {line.index.name: line for line in tabulate_indexes(indexes, [plan("long"), plan("long"), plan("pk", "b")])}
    assert {name: line.state for name, line in lines.items()} == {
        "long": "used", "pk": "used", "counted": "used", "short": "redundant", "lonely": "unused",
    }  # fmt: skip
    assert lines["long"].plans == {"op": (2, 2)}
    assert lines["short"].covered_by == "long"
    assert list(lines)[-1] == "lonely"


def test_an_index_that_guards_a_constraint_is_not_called_unused() -> None:
    (line,) = tabulate_indexes([index("pk", "id", unique=True, constraint=True)], [])
    assert line.state == "constraint"


def test_a_partitions_index_counts_for_its_parent() -> None:
    (line,) = tabulate_indexes([index("ix", "x", parts=("ix_1", "ix_2"))], [plan("ix_2")])
    assert (line.state, line.plans) == ("used", {"op": (1, 1)})


def test_plans_of_other_sides_do_not_count() -> None:
    (line,) = tabulate_indexes([index("ix", "x")], [plan("ix", load=False)])
    assert line.state == "unused"
