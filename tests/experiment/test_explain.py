"""Plans of every operation on a real server: reads and writes, roles, kinds, and the flip after five executions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from bench.analysis.explain import parse_plan
from bench.analysis.plan_tree import indexes_used
from bench.environment.indexes import read_indexes
from bench.environment.partition_trees import read_partition_trees
from bench.model.errors import ScenarioError
from bench.model.parameters import Choice, Uniform
from bench.model.scenario import Operation, Step
from tests.experiment.planted import ROW_SECURITY, planted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.analysis.measurement import Finding
    from bench.environment.embedded import Environment
    from bench.environment.plans import Captured
    from bench.model.facts import PlanFact
    from tests.experiment.planted import Planted
    from tests.experiment.runs import Bench

pytestmark = pytest.mark.pg
NO_ROW_SECURITY = "ALTER TABLE notes DISABLE ROW LEVEL SECURITY; DROP POLICY by_tenant ON notes"
BY_ID = Operation(name="by_id", sql="SELECT doc FROM orders WHERE id = $1", parameters=(Uniform("id", 1, 20000),))
BY_CUSTOMER = Operation(
    name="by_customer",
    sql="SELECT amount FROM orders WHERE customer = $1",
    parameters=(Uniform("customer", 1, 1999),),
    index="ix_orders_customer",
)
COMMON = Operation(
    name="common",
    sql="SELECT count(n.tenant) FROM orders o JOIN notes n ON n.id = o.id WHERE o.kind = $1",
    parameters=(Choice("kind", ("common",)),),
)
TRANSFER = Operation(
    name="transfer",
    step=(
        Step("SET LOCAL application_name = 'transfer'"),
        Step("UPDATE orders SET amount = amount + 1 WHERE id = $1 RETURNING customer", ("id",), ("customer",)),
        Step("SELECT count(*) FROM orders WHERE customer = $1 AND amount >= 0", ("customer",)),
    ),
    parameters=(Uniform("id", 1, 20000),),
)
TENANT = Step("SELECT set_config('app.tenant', $1, true)", ("tenant",))
NOTES = Operation(
    name="notes",
    step=(TENANT, Step("SELECT id FROM notes WHERE tenant = $1", ("tenant",))),
    parameters=(Choice("tenant", ("tenant1",)),),
)
ALL_NOTES = Operation(
    name="all_notes",
    step=(TENANT, Step("SELECT count(*) FROM notes")),
    parameters=(Choice("tenant", ("tenant1",)),),
)
TAGGED = Operation(
    name="tagged",
    step=(TENANT, Step('SELECT id FROM notes WHERE doc @> \'{"tag": "tag7"}\'')),
    parameters=(Choice("tenant", ("tenant1",)),),
)


@pytest.fixture(scope="module")
def subject(environment: Environment) -> Iterator[Planted]:
    """The planted database, as it should be."""
    with planted(environment) as ready:
        yield ready


def of(captured: Captured, **fields: Any) -> list[PlanFact]:
    """Return the plans with these fields."""
    return [fact for fact in captured.facts if all(getattr(fact, name) == value for name, value in fields.items())]


def severe(findings: list[Finding]) -> set[str]:
    """Return the rules with a finding of high severity."""
    return {finding.rule for finding in findings if finding.severity == "high"}


# What is captured


def test_every_role_and_kind_is_explained_with_the_same_values(subject: Planted) -> None:
    seen = subject.explain(BY_ID)
    views = {(fact.role, fact.kind, fact.load) for fact in seen.facts}
    assert views == {
        ("app", "custom", True), ("app", "generic", False), ("app", "auto", False), ("owner", "custom", False),
    }  # fmt: skip
    by_draw = {fact.draw: {one.arguments for one in of(seen, draw=fact.draw)} for fact in seen.facts}
    assert len(by_draw) == 3
    assert all(len(arguments) == 1 for arguments in by_draw.values())
    assert all(parse_plan(fact.document).root.buffers for fact in seen.facts)
    generic = parse_plan(of(seen, kind="generic")[0].document)
    assert generic.root.conditions["Index Cond"] == "(id = $1)"
    assert generic.root.total_ms is None, "what is compared is not timed node by node"
    assert not seen.caveats


def test_steps_of_a_transaction_see_what_was_written_and_nothing_of_it_stays(subject: Planted) -> None:
    before = subject.rows("SELECT sum(amount), count(*) FROM orders")
    seen = subject.explain(TRANSFER)
    assert {fact.step for fact in seen.facts} == {2, 3}, "SET has no plan, and its place is kept"
    update, count = of(seen, load=True, draw=1)
    assert update.document["Plan"]["Operation"] == "Update"
    customers = {str(number): str(customer) for number, customer in subject.rows("SELECT id, customer FROM orders")}
    assert count.arguments == (customers[update.arguments[0]],)
    assert subject.rows("SELECT sum(amount), count(*) FROM orders") == before


def test_a_tenant_that_is_not_there_sees_no_rows(subject: Planted) -> None:
    with subject.changed(ROW_SECURITY, NO_ROW_SECURITY):
        seen = subject.explain(NOTES)
    assert {fact.step for fact in seen.facts} == {2}, "setting the tenant reads nothing"
    rows = {role: parse_plan(of(seen, role=role)[0].document).root.rows for role in ("app", "owner", "foreign")}
    assert rows == {"app": 5000, "owner": 5000, "foreign": 0}


def test_a_statement_that_is_not_understood_is_an_error_and_one_that_the_data_refuses_a_caveat(
    subject: Planted,
) -> None:
    broken = Operation(name="broken", step=(Step("SELECT 1"), Step("SELECT nothing FROM orders")))
    with pytest.raises(ScenarioError, match="'broken' cannot be explained: column"):
        subject.explain(broken)
    twice = Operation(name="twice", sql="INSERT INTO notes VALUES (1, 'a', '{}')")
    (caveat,) = subject.explain(twice).caveats[:1]
    assert "twice has no plan as the application for one set of arguments: duplicate key" in caveat.text


# What is found in it


def test_a_healthy_database_has_no_severe_finding(subject: Planted) -> None:
    assert subject.blame(BY_ID, BY_CUSTOMER, TRANSFER) == []


def test_a_dropped_index_is_named_once(subject: Planted) -> None:
    with subject.changed("DROP INDEX ix_orders_customer", "CREATE INDEX ix_orders_customer ON orders (customer)"):
        found = subject.blame(BY_CUSTOMER)
        unnamed = subject.blame(Operation(name="sum", sql=BY_CUSTOMER.sql, parameters=BY_CUSTOMER.parameters))
    assert severe(found) == {"plan-lacks-index"}
    assert severe(unnamed) == {"PL01-seq-scan-selective"}, "where the scenario names no index"


def test_the_flip_between_the_fifth_and_the_sixth_execution_is_found(subject: Planted) -> None:
    """The generic plan believes the common value to be as rare as the others, and looks its rows up one by one."""
    seen = subject.explain(COMMON)
    (fifth,), (sixth,) = of(seen, execution=5), of(seen, execution=6)
    assert fifth.arguments == sixth.arguments
    assert not indexes_used(parse_plan(fifth.document))
    assert indexes_used(parse_plan(sixth.document)) == ("ix_orders_kind", "notes_pkey")
    found = subject.blame(COMMON)
    assert severe(found) == {"PL10-generic-flip"}
    assert [finding.evidence["taken_at_execution_6"] for finding in found if finding.rule.startswith("PL10")] == [True]


def test_an_index_that_row_security_blocks_is_named_with_the_buffers_of_both_roles(subject: Planted) -> None:
    with subject.changed(ROW_SECURITY, NO_ROW_SECURITY):
        found = subject.blame(TAGGED)
    assert severe(found) == {"PL13-rls-blocked-index"}
    (finding,) = (one for one in found if one.severity == "high")
    assert finding.evidence["indexes"] == ["ix_notes_doc"]
    assert finding.evidence["app_buffers"] > 2 * finding.evidence["owner_buffers"] > 0


def test_a_policy_that_asks_at_every_row_is_named(subject: Planted) -> None:
    with subject.changed(ROW_SECURITY.replace("(SELECT current_setting", "(current_setting"), NO_ROW_SECURITY):
        found = subject.blame(ALL_NOTES)
    with subject.changed(ROW_SECURITY, NO_ROW_SECURITY):
        once = subject.blame(ALL_NOTES)
    assert {finding.rule for finding in found} == {"PL14-rls-per-row"}
    assert once == []


def test_stale_statistics_after_a_bulk_load_are_named(subject: Planted) -> None:
    load = """
    CREATE TABLE bulk (id int, batch int) WITH (autovacuum_enabled = off);
    INSERT INTO bulk SELECT n, 1 FROM generate_series(1, 50) n; ANALYZE bulk;
    INSERT INTO bulk SELECT n, 2 FROM generate_series(1, 30000) n; GRANT SELECT ON bulk TO bench_app"""
    with subject.changed(load, "DROP TABLE bulk"):
        found = subject.blame(Operation(name="batch", sql="SELECT count(id) FROM bulk WHERE batch = 2"))
        subject.administer("ANALYZE bulk")
        cured = subject.blame(Operation(name="batch", sql="SELECT count(id) FROM bulk WHERE batch = 2"))
    assert severe(found) == {"PL02-misestimate"}
    assert cured == []


def test_too_little_memory_for_sorts_and_hashes_is_named(subject: Planted) -> None:
    tiny = "ALTER DATABASE planted SET work_mem = '64kB'; ALTER DATABASE planted SET hash_mem_multiplier = 1"
    back = "ALTER DATABASE planted RESET work_mem; ALTER DATABASE planted RESET hash_mem_multiplier"
    sort = Operation(name="sort", sql="SELECT id, amount FROM orders ORDER BY amount, kind")
    join = Operation(name="join", sql="SELECT count(a.kind) FROM orders a JOIN orders b ON a.id = b.id + 1")
    with subject.changed(tiny, back):
        found = subject.blame(sort, join)
    spills = {finding.rule: finding for finding in found if finding.rule.startswith(("PL04", "PL05"))}
    assert spills.keys() == {"PL04-sort-spill", "PL05-hash-batches"}
    assert all(finding.patch and "work_mem" in finding.patch.text for finding in spills.values())
    assert severe(found) == set()


def test_a_search_without_the_partition_key_is_named(subject: Planted) -> None:
    numbers = (Uniform("n", 1, 4000),)
    without = Operation(name="body", sql="SELECT id FROM events WHERE body = 'body ' || $1::int", parameters=numbers)
    with_key = Operation(
        name="both",
        sql="SELECT id FROM events WHERE body = 'body ' || $1::int AND placed = date '2024-01-01' + $1::int % 360",
        parameters=numbers,
    )
    (finding,) = (one for one in subject.blame(without) if one.rule == "PL09-no-pruning")
    assert len(finding.evidence["partitions"]) == 4
    assert len(finding.evidence["partitions_with_rows"]) == 1
    assert subject.blame(with_key) == []


def test_heap_fetches_after_a_bulk_update_are_named_until_vacuum(subject: Planted) -> None:
    change = """
    CREATE TABLE marks (id int PRIMARY KEY, seen int) WITH (autovacuum_enabled = off);
    INSERT INTO marks SELECT n, 0 FROM generate_series(1, 20000) n; GRANT SELECT ON marks TO bench_app; ANALYZE marks"""
    ids = Operation(name="ids", sql="SELECT count(*) FROM marks WHERE id BETWEEN 1 AND 2000")
    with subject.changed(change, "DROP TABLE marks"):
        subject.administer("SET enable_seqscan = off")
        found = subject.blame(ids)
        subject.administer("VACUUM marks")
        cured = subject.blame(ids)
    assert severe(found) == {"PL07-heap-fetches"}
    assert cured == []


# The commands


def test_the_command_prints_one_document(bench: Bench) -> None:
    done = bench.run("explain", "plus.toml", "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert (document["format"], document["kind"]) == (1, "explain")
    (explained,) = document["scenarios"]
    assert {(plan["operation"], plan["kind"]) for plan in explained["plans"]} == {
        ("plus", "custom"), ("plus", "generic"), ("plus", "auto"),
    }  # fmt: skip
    assert explained["findings"] == []
    assert document["indexes"] == []


def test_a_misspelt_operation_is_named_with_the_nearest(bench: Bench) -> None:
    done = bench.run("explain", "plus.toml", "--operation", "pluss")
    assert done.returncode == 2
    assert "did you mean 'plus'?" in done.stderr


def test_what_an_attached_server_does_not_allow_is_refused_before_anything_runs(bench: Bench) -> None:
    costs = bench.run("explain", "plus.toml", "--write-cost")
    assert costs.returncode == 2
    assert "an attached server is not ours to clone a database in" in costs.stderr


def test_indexes_are_read_with_size_and_scans_of_all_partitions(subject: Planted) -> None:
    admin = msgspec.structs.replace(subject.environment.admin, dbname="planted")
    before = {index.name: index for index in read_indexes(admin, ["events_2", "orders"])}
    assert before["ix_events_placed"].parts == tuple(f"events_{number}_placed_idx" for number in range(1, 5))
    assert before["ix_events_placed"].size_bytes > 4 * 8192
    assert before["ix_orders_doc"].method == "gin"
    assert before["orders_pkey"].constraint
    subject.rows("SELECT amount FROM orders WHERE customer = 7")
    after = {index.name: index for index in read_indexes(admin, ["orders"])}
    assert after["ix_orders_customer"].scans > before["ix_orders_customer"].scans


def test_partitions_are_read_with_their_key_and_what_no_other_wants(subject: Planted) -> None:
    admin = msgspec.structs.replace(subject.environment.admin, dbname="planted")
    [tree] = read_partition_trees(admin, ["events_2", "orders"])
    assert (tree.table, tree.parts) == ("events", tuple(f"events_{number}" for number in range(1, 5)))
    assert tree.key.startswith("RANGE")
    assert tree.rows > 0
    assert tree.size_bytes > 4 * 8192
    assert tree.default_rows is None
    with subject.changed("CREATE TABLE events_rest PARTITION OF events DEFAULT", "DROP TABLE events_rest"):
        [tree] = read_partition_trees(admin, ["events"])
        assert tree.default_rows == 0
    assert read_partition_trees(admin, ["orders"]) == ()


def test_a_run_keeps_the_load_s_plans_with_its_trials_and_the_others_beside(bench: Bench) -> None:
    assert bench.run("run", "plus.toml", "--replicates", "1").returncode in {0, 4}
    run = bench.finished()
    explained = json.loads((run / "explained.json").read_text())
    assert {plan["kind"] for plan in explained["plans"]} == {"generic", "auto"}
    trial = json.loads(next(run.glob("trials/*/plans.json")).read_text())
    assert {plan["kind"] for plan in trial["plans"]} == {"custom"}


def test_a_refusal_that_the_scenario_expects_is_no_caveat(subject: Planted) -> None:
    twice = Operation(name="twice", sql="INSERT INTO notes VALUES (1, 'a', '{}')", expect="constraint")
    assert subject.explain(twice).caveats == []


def test_a_small_table_is_best_read_whole(subject: Planted) -> None:
    small = "CREATE TABLE small AS SELECT n FROM generate_series(1, 300) n; GRANT SELECT ON small TO bench_app"
    with subject.changed(small, "DROP TABLE small"):
        found = subject.blame(Operation(name="n", sql="SELECT n FROM small WHERE n = 7", index="ix_small_n"))
    assert [(finding.rule, finding.severity) for finding in found] == [("plan-lacks-index", "info")]
