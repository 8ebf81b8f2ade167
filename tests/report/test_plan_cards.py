"""Plans as a reader sees them: once each, node by node, with the sides that share them."""

from __future__ import annotations

import msgspec

from bench.analysis.explain import parse_plan
from bench.report.sections.plan_nodes import lay_out_nodes
from bench.report.sections.plans import lay_out_plans
from tests.report import recorded, samples


def test_a_plan_is_a_tree_with_its_index_and_its_json() -> None:
    scenario = samples.reported().scenario
    plans = [recorded.plan_fact(), msgspec.structs.replace(recorded.plan_fact(), arguments=("TX",))]
    (card,) = lay_out_plans(plans, scenario).groups[0].cards
    assert ("Intended index", "ix_rate_tables_state_product_coverage_date: used") in card.facts
    assert "Index Scan using ix_rate_tables" in card.tree
    assert "the same for 2 sets of arguments, the slowest shown" in card.tags
    assert '"Node Type": "Index Scan"' in card.document


def test_plans_of_one_statement_that_differ_are_all_shown() -> None:
    other = {"Plan": {"Node Type": "Seq Scan", "Relation Name": "rate_tables", "Actual Loops": 1, "Actual Rows": 1}}
    cards = lay_out_plans([recorded.plan_fact(), recorded.plan_fact(document=other)], None).groups[0].cards
    assert len(cards) == 2
    assert ("Read from end to end", "rate_tables") in cards[1].facts
    assert "one of 2 different plans of this statement" in cards[1].tags


def test_a_plan_that_is_the_same_from_several_sides_is_shown_once_as_the_load_has_it() -> None:
    """Other sides are asked to be compared with; a page of equal trees compares nothing."""
    other = msgspec.structs.replace(recorded.plan_fact(kind="generic"), load=False)
    chosen = msgspec.structs.replace(recorded.plan_fact(kind="auto"), load=False)
    plans = [
        other,
        recorded.plan_fact(),
        *(msgspec.structs.replace(chosen, execution=number) for number in (1, 6)),
    ]
    (card,) = lay_out_plans(plans, None).groups[0].cards
    assert card.tags == (
        "as the application role",
        "custom plan (values known)",
        "the same as the application role, generic plan (values unknown)",
        "the same as the application role, as the server chose, executions 1, 6",
    )


def test_very_many_plans_are_folded_by_operation_and_leave_their_json_in_the_raw_files() -> None:
    long = {"Plan": {"Node Type": "Seq Scan", "Relation Name": "rate_tables", "Filter": "x" * 50_000}}
    section = lay_out_plans([recorded.plan_fact(f"operation {number}", document=long) for number in range(30)], None)
    assert section.folded
    assert section.number == 30
    assert section.groups[0].note == "1 statement, 1 plan; read from end to end: rate_tables"
    documents = [card.document for group in section.groups for card in group.cards]
    assert documents[0]
    assert not documents[-1]
    assert sum(map(len, documents)) <= 600_000


def test_a_document_that_is_no_plan_says_so() -> None:
    (card,) = lay_out_plans([recorded.plan_fact(document={"Utility": "x"})], None).groups[0].cards
    assert card.tree.startswith("No plan: ")


def test_a_plan_is_shown_node_by_node_with_what_each_took_itself() -> None:
    scan = {
        "Node Type": "Seq Scan", "Relation Name": "t", "Plan Rows": 5, "Actual Rows": 500, "Actual Loops": 1,
        "Actual Total Time": 6.0, "Shared Hit Blocks": 30, "Rows Removed by Filter": 9500,
    }  # fmt: skip
    sort = {
        "Node Type": "Sort", "Plan Rows": 5, "Actual Rows": 500, "Actual Loops": 1, "Actual Total Time": 8.0,
        "Shared Hit Blocks": 40, "Sort Space Type": "Disk", "Sort Space Used": 99, "Plans": [scan],
    }  # fmt: skip
    outer, inner = lay_out_nodes(parse_plan({"Plan": sort}))
    assert (outer.depth, outer.title, outer.time_share, outer.buffer_share) == (0, "Sort", 25, 25)
    assert (inner.depth, inner.title, inner.time_share, inner.buffer_share) == (1, "Seq Scan on t", 75, 75)
    assert outer.smells == ("estimate 100 times off", "sorts on disk")
    assert inner.smells == ("estimate 100 times off", "throws 9,500 rows away")
    (untimed,) = lay_out_nodes(parse_plan({"Plan": {"Node Type": "Result", "Actual Loops": 0}}))
    assert (untimed.rows, untimed.time_share, untimed.buffer_share) == ("never executed", None, None)
