"""Rules on plans: values on both sides of every threshold, and plans recorded from a server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from bench.analysis.findings import plans as rules
from bench.analysis.findings.plans import PLAN_RULES, find_in_plans
from bench.model.facts import PlanFact
from tests.analysis.synthetic import scenario

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.analysis.measurement import Finding

PLANS = Path(__file__).parent.parent / "data" / "plans"
Node = dict[str, Any]


def node(kind: str, rows: float, *, table: str | None = "t", loops: float = 1, **keys: Any) -> Node:
    """Return a plan node; keywords are its keys with underscores for blanks."""
    relation = {"Relation Name": table} if table else {}
    more = {key.replace("_", " "): value for key, value in keys.items()}
    return {"Node Type": kind, **relation, "Plan Rows": rows, "Actual Rows": rows, "Actual Loops": loops, **more}


def fact(root: Node, operation: str = "op", **fields: Any) -> PlanFact:
    """Return a plan of the load, executed in 100 ms."""
    whole = {"Plan": root, "Planning Time": 0.1, "Execution Time": 100.0, **fields.pop("document", {})}
    base = PlanFact(operation=operation, role="app", kind="custom", sql="", arguments=(), document=whole)
    return msgspec.structs.replace(base, **fields)


def severities(facts: Sequence[PlanFact], prefix: str) -> list[str]:
    """Return how severe the findings of one rule are."""
    return [finding.severity for finding in found(facts) if finding.rule.startswith(prefix)]


def found(facts: Sequence[PlanFact]) -> list[Finding]:
    """Apply all rules to the plans of one operation."""
    return find_in_plans(facts, scenario(operations=[{"name": "op", "sql": "SELECT 1"}]))


def other_side(root: Node, **fields: Any) -> PlanFact:
    """Return a plan that the load does not have."""
    return fact(root, load=False, **fields)


def buffers(root: Node, blocks: int) -> Node:
    return {**root, "Shared Hit Blocks": blocks}


def test_every_rule_of_the_folder_is_registered_and_names_its_source_and_trigger() -> None:
    folder = Path(rules.__file__).parent
    files = {path.stem for path in folder.glob("*.py")} - {"__init__", "evidence", "wording"}
    assert {rule.__module__.rpartition(".")[2] for rule in PLAN_RULES} == files
    texts = [(folder / f"{name}.py").read_text() for name in files]
    assert all("Source:" in text for text in texts)


@pytest.mark.parametrize(
    ("estimated", "came", "expected"),
    [(100, 999, []), (100, 1000, ["warning"]), (100, 9_999, ["warning"]), (100, 10_000, ["high"]), (1, 99, []),
     (1000, 100, ["warning"]), (100_000, 900, ["high"]), (0, 100, ["high"])],
)  # fmt: skip
def test_an_estimate_is_named_when_it_is_ten_or_a_hundred_times_off(
    estimated: float, came: float, expected: list[str]
) -> None:
    scan = node("Seq Scan", came, Plan_Rows=estimated)
    assert severities([fact(scan)], "PL02") == expected


def test_a_scan_that_a_limit_stops_early_was_not_misjudged() -> None:
    scan = node("Index Scan", 1, Plan_Rows=5_000)
    assert severities([fact(node("Limit", 1, table=None, Plans=[scan]))], "PL02") == []
    too_many = node("Index Scan", 5_000, Plan_Rows=1)
    assert severities([fact(node("Limit", 1, table=None, Plans=[too_many]))], "PL02") == ["high"]


@pytest.mark.parametrize(
    ("kept", "removed", "expected"),
    [(500, 500, []), (499, 501, ["warning"]), (100, 900, ["warning"]), (99, 901, ["high"]), (9, 990, [])],
)
def test_rows_thrown_away_behind_an_index_are_named(kept: float, removed: float, expected: list[str]) -> None:
    scan = node("Index Scan", kept, Rows_Removed_by_Filter=removed, Filter="(a = 1)")
    assert severities([fact(scan)], "PL03") == expected
    assert severities([fact({**scan, "Node Type": "Seq Scan"})], "PL03") == []


@pytest.mark.parametrize(
    ("kilobytes", "where", "expected", "setting"),
    [(1000, "Memory", [], ""), (1000, "Disk", ["warning"], "4MB"), (1366, "Disk", ["warning"], "8MB"),
     (102_399, "Disk", ["warning"], "512MB"), (102_400, "Disk", ["high"], "512MB")],
)  # fmt: skip
def test_a_sort_on_disk_is_named_with_the_memory_it_needs(
    kilobytes: int, where: str, expected: list[str], setting: str
) -> None:
    sort = node("Sort", 10, table=None, Sort_Space_Used=kilobytes, Sort_Space_Type=where)
    spills = [finding for finding in found([fact(sort)]) if finding.rule.startswith("PL04")]
    assert [finding.severity for finding in spills] == expected
    assert all(finding.patch and setting in finding.patch.text for finding in spills)


def test_what_parallel_workers_sort_on_disk_counts_too() -> None:
    workers = [{"Sort Space Used": 60_000, "Sort Space Type": "Disk"} for _ in range(2)]
    sort = node("Sort", 10, table=None, Sort_Space_Used=10, Sort_Space_Type="Memory", Workers=workers)
    assert severities([fact(sort)], "PL04") == ["high"]


@pytest.mark.parametrize(
    ("keys", "expected"),
    [({"Hash_Batches": 1, "Original_Hash_Batches": 1}, []),
     ({"Hash_Batches": 2, "Original_Hash_Batches": 2}, ["warning"]),
     ({"Hash_Batches": 8, "Original_Hash_Batches": 2}, ["high"]), ({"HashAgg_Batches": 1, "Disk_Usage": 0}, []),
     ({"HashAgg_Batches": 5, "Disk_Usage": 900, "Planned_Partitions": 4}, ["warning"])],
)  # fmt: skip
def test_a_hash_that_does_not_fit_is_named(keys: Node, expected: list[str]) -> None:
    assert severities([fact(node("Hash", 10, table=None, Peak_Memory_Usage=4096, **keys))], "PL05") == expected


@pytest.mark.parametrize(
    ("loops", "expected_outer", "rows", "expected"),
    [(999, 10, 1, []), (1000, 101, 1, []), (1000, 100, 1, ["warning"]), (1000, 1000, 999, []),
     (1000, 1000, 1000, ["high"])],
)  # fmt: skip
def test_an_inner_side_that_runs_too_often_is_named(
    loops: float, expected_outer: float, rows: float, expected: list[str]
) -> None:
    outer = node("Seq Scan", loops, table="o", Plan_Rows=expected_outer)
    inner = node("Index Scan", rows, table="i", loops=loops)
    join = node("Nested Loop", loops, table=None, Plans=[outer, inner])
    assert severities([fact(join)], "PL06") == expected


@pytest.mark.parametrize(
    ("rows", "fetches", "expected"),
    [(1000, 100, []), (1000, 101, ["warning"]), (1000, 500, ["warning"]), (1000, 501, ["high"]), (999, 999, [])],
)
def test_heap_fetches_of_an_index_only_scan_are_named(rows: float, fetches: int, expected: list[str]) -> None:
    assert severities([fact(node("Index Only Scan", rows, Heap_Fetches=fetches))], "PL07") == expected


@pytest.mark.parametrize(
    ("keys", "rows", "expected"),
    [({"Lossy_Heap_Blocks": 0}, 10, []), ({"Lossy_Heap_Blocks": 1}, 10, ["warning"]),
     ({"Rows_Removed_by_Index_Recheck": 500}, 500, []), ({"Rows_Removed_by_Index_Recheck": 501}, 499, ["warning"]),
     ({"Rows_Removed_by_Index_Recheck": 501}, 100, [])],
)  # fmt: skip
def test_a_bitmap_that_is_not_exact_is_named(keys: Node, rows: float, expected: list[str]) -> None:
    assert severities([fact(node("Bitmap Heap Scan", rows, **keys))], "PL08") == expected


@pytest.mark.parametrize(
    ("partitions", "giving", "removed", "expected"),
    [(3, 1, 0, []), (4, 1, 0, ["warning"]), (4, 2, 0, []), (4, 0, 0, ["warning"]), (11, 1, 0, ["warning"]),
     (12, 1, 0, ["high"]), (12, 1, 3, [])],
)  # fmt: skip
def test_partitions_that_are_searched_in_vain_are_named(
    partitions: int, giving: int, removed: int, expected: list[str]
) -> None:
    scans = [node("Index Scan", 1 if place < giving else 0, table=f"p{place}") for place in range(partitions)]
    append = node("Append", giving, table=None, Plans=scans, Subplans_Removed=removed)
    assert severities([fact(append)], "PL09") == expected


@pytest.mark.parametrize(
    ("custom", "generic", "expected"),
    [(50, 100, []), (49, 99, ["warning"]), (60, 109, []), (3, 52, []), (3, 53, ["warning"])],
)
def test_a_generic_plan_is_named_when_it_touches_twice_as_much(custom: int, generic: int, expected: list[str]) -> None:
    scan = node("Seq Scan", 1)
    facts = [fact(buffers(scan, custom)), other_side(buffers(scan, generic), kind="generic")]
    assert severities(facts, "PL10") == expected


def test_a_flip_at_the_sixth_execution_is_severe() -> None:
    custom, generic = buffers(node("Seq Scan", 1), 60), buffers(node("Index Scan", 1, Index_Name="ix"), 600)
    forced = [fact(custom), other_side(generic, kind="generic")]
    kept = [other_side(custom, kind="auto", execution=5), other_side(custom, kind="auto", execution=6)]
    taken = [other_side(custom, kind="auto", execution=5), other_side(generic, kind="auto", execution=6)]
    assert severities([*forced, *kept], "PL10") == ["warning"]
    assert severities([*forced, *taken], "PL10") == ["high"]


@pytest.mark.parametrize(
    ("planning", "execution", "expected"), [(5.0, 1.0, []), (5.1, 5.1, []), (5.2, 5.1, ["warning"]), (50.0, 60.0, [])]
)
def test_planning_that_takes_longer_than_execution_is_named(
    planning: float, execution: float, expected: list[str]
) -> None:
    times = {"Planning Time": planning, "Execution Time": execution}
    slow_first = fact(node("Seq Scan", 1), document={"Planning Time": 90.0, "Execution Time": 1.0})
    assert severities([slow_first, fact(node("Seq Scan", 1), document=times, draw=1)], "PL11") == expected


@pytest.mark.parametrize(
    ("compiling", "expected"), [(20.0, []), (21.0, ["warning"]), (40.0, ["warning"]), (41.0, ["high"])]
)
def test_compiling_is_named_by_its_share_of_the_execution(compiling: float, expected: list[str]) -> None:
    jit = {"JIT": {"Timing": {"Total": compiling}}}
    assert severities([fact(node("Seq Scan", 1), document=jit)], "PL12") == expected


@pytest.mark.parametrize(
    ("app", "owner", "expected"),
    [(200, 100, ["warning"]), (201, 100, ["high"]), (119, 100, []), (120, 100, ["warning"])],
)
def test_an_index_that_serves_only_the_owner_is_named(app: int, owner: int, expected: list[str]) -> None:
    with_index = node("Bitmap Heap Scan", 1, Plans=[node("Bitmap Index Scan", 1, table=None, Index_Name="gin")])
    facts = [fact(buffers(node("Seq Scan", 1), app)), other_side(buffers(with_index, owner), role="owner")]
    assert severities(facts, "PL13") == expected


@pytest.mark.parametrize(
    ("condition", "rows", "expected"),
    [("(tenant = current_setting('app.tenant'::text, true))", 100, ["warning"]),
     ("(tenant = current_setting('app.tenant'::text, true))", 99, []), ("(tenant = (InitPlan 1).col1)", 10_000, []),
     ("(tenant = $0)", 10_000, [])],
)  # fmt: skip
def test_a_policy_that_asks_at_every_row_is_named(condition: str, rows: float, expected: list[str]) -> None:
    assert severities([fact(node("Seq Scan", rows, Filter=condition))], "PL14") == expected


@pytest.mark.parametrize(("planned", "launched", "expected"), [(2, 2, []), (2, 1, ["info"]), (0, 0, [])])
def test_workers_that_did_not_come_are_named(planned: int, launched: int, expected: list[str]) -> None:
    gather = node("Gather", 1, table=None, Workers_Planned=planned, Workers_Launched=launched)
    assert severities([fact(gather)], "PL17") == expected


def test_plans_from_other_sides_are_compared_and_never_blamed_themselves() -> None:
    whole = node("Seq Scan", 1, Rows_Removed_by_Filter=99_999, Filter="(a = 1)")
    assert severities([fact(whole)], "PL01") == ["high"]
    assert found([other_side(whole, role="owner"), other_side(whole, kind="generic")]) == []


def test_what_is_no_plan_is_left_to_the_report() -> None:
    assert found([fact(node("Seq Scan", 1), document={"Plan": {"nothing": 1}})]) == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [("lookup_index", set()), ("lookup_generic", set()), ("gin_bitmap", set()), ("partitions_pruned", set()),
     ("nested_loop_memoize", set()), ("lookup_seq_scan", {"PL01-seq-scan-selective"}),
     ("sort_spill", {"PL04-sort-spill"})],
)  # fmt: skip
def test_recorded_plans_are_blamed_for_what_is_wrong_with_them_and_nothing_else(name: str, expected: set[str]) -> None:
    (document,) = json.loads((PLANS / f"{name}.json").read_text())
    facts = [fact({}, document=document)]
    assert {finding.rule for finding in found(facts) if finding.severity != "info"} == expected
