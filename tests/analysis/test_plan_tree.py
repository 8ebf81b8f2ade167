from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.analysis.explain import parse_plan, render_tree
from bench.analysis.plan_tree import exclusive_time, fingerprint, indexes_used, walk

if TYPE_CHECKING:
    from collections.abc import Mapping

PLANS = Path(__file__).parent.parent / "data" / "plans"
INDEX = "ix_rate_tables_state_product_coverage_date"


def document(name: str) -> Any:
    return json.loads((PLANS / f"{name}.json").read_text())


@pytest.mark.parametrize("path", sorted(PLANS.glob("*.json")), ids=lambda path: path.stem)
def test_every_recorded_plan_is_read_whole(path: Path) -> None:
    """No key of any node is lost: it is a field, a condition, a buffer count, or in ``details``."""
    plan = parse_plan(json.loads(path.read_text()))
    nodes = list(walk(plan))
    assert len(nodes) == path.read_text().count('"Node Type"')
    assert all(node.node_type for node in nodes)
    assert all(own >= 0 for _, own in exclusive_time(plan))
    assert len(render_tree(plan)) >= len(nodes)
    assert len(fingerprint(plan)) == 16


def test_an_index_lookup_is_read_with_its_figures() -> None:
    plan = parse_plan(document("lookup_index"))
    scan = list(walk(plan))[1]
    assert (scan.node_type, scan.relation, scan.index) == ("Index Scan", "rate_tables", INDEX)
    assert scan.conditions["Index Cond"].startswith("((state = 'S07'::text)")
    assert scan.rows == 1
    assert scan.buffers is not None
    assert scan.buffers.shared == 3
    assert plan.settings == {"jit": "off"}
    assert plan.planning_ms is not None
    assert plan.planning_buffers is not None
    assert indexes_used(plan) == (INDEX,)


def test_a_plan_that_was_not_executed_has_estimates_only() -> None:
    plan = parse_plan(document("lookup_estimated_only"))
    assert plan.execution_ms is None
    assert plan.root.actual_rows is None
    assert plan.root.loops is None
    assert not plan.root.executed
    assert indexes_used(plan) == (INDEX,)


def test_a_plan_without_timing_has_rows_and_no_times() -> None:
    plan = parse_plan(document("lookup_without_timing"))
    assert plan.root.total_ms is None
    assert plan.root.rows == 1
    assert [own for _, own in exclusive_time(plan)] == [0, 0]


def test_the_shape_of_a_plan_ignores_constants_parameters_costs_and_timing() -> None:
    shapes = {
        fingerprint(parse_plan(document(name)))
        for name in ("lookup_index", "lookup_other_constants", "lookup_generic", "lookup_without_timing")
    }
    assert len(shapes) == 1
    assert fingerprint(parse_plan(document("lookup_seq_scan"))) not in shapes


@pytest.mark.parametrize(
    ("key", "value"),
    [("Index Name", "ix_other"), ("Node Type", "Index Only Scan"), ("Relation Name", "rates"), ("Filter", "(a > 1)")],
)
def test_the_shape_of_a_plan_changes_with_what_it_does(key: str, value: str) -> None:
    changed = copy.deepcopy(document("lookup_index"))
    changed[0]["Plan"]["Plans"][0][key] = value
    assert fingerprint(parse_plan(changed)) != fingerprint(parse_plan(document("lookup_index")))


def test_rows_read_include_those_thrown_away() -> None:
    scan = next(node for node in walk(parse_plan(document("lookup_seq_scan"))) if node.node_type == "Seq Scan")
    assert scan.removed.keys() == {"Rows Removed by Filter"}
    assert scan.rows_read == 60_000


def test_scans_that_never_ran_use_no_index() -> None:
    """The InitPlan behind `and false` was planned and never executed."""
    plan = parse_plan(document("lookup_index"))
    never = copy.deepcopy(document("lookup_index"))
    never[0]["Plan"]["Plans"][0]["Actual Loops"] = 0
    assert indexes_used(plan) == (INDEX,)
    assert indexes_used(parse_plan(never)) == ()
    assert any("never executed" in line for line in render_tree(parse_plan(never)))


def node(kind: str, total_ms: float, more: Mapping[str, Any] | None = None, *, loops: float = 1) -> dict[str, Any]:
    return {"Node Type": kind, "Actual Total Time": total_ms, "Actual Loops": loops, **(more or {})}


def own_times(root: dict[str, Any]) -> list[float]:
    return [own for _, own in exclusive_time(parse_plan({"Plan": root}))]


def test_a_node_is_charged_with_what_its_children_did_not_take() -> None:
    """The inner side ran 10 times at 0.5 ms each."""
    join = node("Nested Loop", 9, {"Plans": [node("Seq Scan", 2), node("Index Scan", 0.5, loops=10)]})
    assert own_times(join) == [2, 2, 5]


def test_time_below_a_gather_is_process_time_and_never_divided_by_workers() -> None:
    """Three processes of 4 ms each work for 12 ms; the Gather waited 5 ms, 4 of them for them."""
    assert own_times(node("Gather", 5, {"Plans": [node("Seq Scan", 4, loops=3)]})) == [1, 12]


def test_a_cte_is_charged_to_the_nodes_that_scan_it() -> None:
    """A CTE of 6 ms scanned twice, for 8 and 4 ms: it is in their times, not in the join's."""
    children = [
        node("Aggregate", 6, {"Subplan Name": "CTE t", "Parent Relationship": "InitPlan"}),
        node("CTE Scan", 8, {"CTE Name": "t"}),
        node("CTE Scan", 4, {"CTE Name": "t"}),
    ]
    join = node("Hash Join", 13, {"Plans": children})
    assert own_times(join) == pytest.approx([1, 6, 4, 2])


def test_exclusive_times_of_a_recorded_serial_plan_add_up_to_its_total() -> None:
    for name in ("lookup_seq_scan", "hash_join", "sort_spill", "nested_loop_memoize", "cte_scanned_twice"):
        plan = parse_plan(document(name))
        assert sum(own for _, own in exclusive_time(plan)) == pytest.approx(plan.root.elapsed_ms, rel=0.02, abs=0.05)


def test_spills_and_workers_are_kept_as_details() -> None:
    spilled = parse_plan(document("sort_spill")).root
    assert spilled.details["Sort Method"] == "external merge"
    parallel = list(walk(parse_plan(document("parallel_aggregate"))))
    assert any(each.details.get("Workers Launched") for each in parallel)


def test_time_spent_compiling_is_read() -> None:
    """As PostgreSQL 18 writes it; 14 to 16 have a plain number for Generation."""
    timing = {
        "Generation": {"Deform": 0.1, "Total": 0.5},
        "Inlining": 0,
        "Optimization": 1,
        "Emission": 2,
        "Total": 3.5,
    }
    plan = parse_plan([{"Plan": {"Node Type": "Result"}, "JIT": {"Functions": 2, "Options": {}, "Timing": timing}}])
    assert plan.jit_ms == 3.5
    assert "JIT: 3.5 ms" in render_tree(plan)


def test_writes_are_read_too() -> None:
    root = parse_plan(document("insert_on_conflict")).root
    assert root.node_type == "ModifyTable"
    assert "Insert" in render_tree(parse_plan(document("insert_on_conflict")))[0]


def test_a_plan_of_postgresql_14_is_read() -> None:
    """Whole rows, `Total Runtime` of old tools, subplans named as they were; a bare node works as well."""
    root = {
        "Node Type": "Result",
        "Actual Rows": 1,
        "Actual Loops": 1,
        "Plans": [
            {
                "Node Type": "Index Only Scan",
                "Parent Relationship": "SubPlan",
                "Subplan Name": "SubPlan 1",
                "Index Name": "i",
                "Relation Name": "t",
                "Actual Rows": 3,
                "Actual Loops": 2,
                "Heap Fetches": 4,
                "I/O Read Time": 0.1,
            }
        ],
    }
    plan = parse_plan([{"Plan": root, "Planning Time": 0.1, "Execution Time": 1.5, "Triggers": []}])
    inner = list(walk(plan))[1]
    assert (inner.rows, inner.buffers, inner.details["I/O Read Time"]) == (6, None, 0.1)
    assert plan.execution_ms == 1.5
    assert [each.node_type for each in walk(parse_plan(root))] == ["Result", "Index Only Scan"]
    text = render_tree(plan)
    assert "SubPlan 1" in text[1]
    assert "Index Only Scan using i on t" in text[2]
    assert "actual 3 rows x 2 loops" in text[2]
    assert text[3].strip() == "Heap Fetches: 4"


@pytest.mark.parametrize(
    ("damaged", "text"),
    [
        ([], "holds one statement, not 0"),
        ({}, "holds nothing"),
        (["Utility Statement"], "not str"),
        ([{"Query Text": "x"}], "it holds Query Text"),
        ({"Plan": {"Node Type": "Limit", "Plans": [{}]}}, r"\$\.Plan\.Plans\[0\] is not a plan node"),
    ],
)
def test_what_is_no_plan_is_refused_with_its_place(damaged: object, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        parse_plan(damaged)


@given(st.floats(0, 1e6), st.floats(0, 1e6), st.integers(0, 10**9), st.text(alphabet="abc'", max_size=8))
def test_no_cost_row_count_or_constant_changes_the_shape(cost: float, time_ms: float, rows: int, word: str) -> None:
    def with_values(cost: float, rows: int, constant: str) -> str:
        literal = constant.replace("'", "''")
        condition = f"((a = '{literal}'::text) AND (b < {rows}))"
        raw = node("Index Scan", time_ms, {"Total Cost": cost, "Plan Rows": rows, "Index Cond": condition})
        return fingerprint(parse_plan({"Plan": raw}))

    assert with_values(cost, rows, word) == with_values(1.0, 1, "x")
