from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from bench.analysis import findings
from bench.analysis.findings import RULES
from bench.model.facts import PlanFact
from bench.model.sample import Outcome
from bench.stats.estimate import Estimate
from tests.analysis.sweeps import sweep
from tests.analysis.synthetic import (
    LOOKUP,
    RESET,
    S,
    gauge,
    pooler_facts,
    scenario,
    server_facts,
    statement,
    worker_facts,
)

if TYPE_CHECKING:
    from bench.analysis.analyse import Analysis
    from bench.analysis.measurement import Finding

PLANS = Path(__file__).parent.parent / "data" / "plans"
INDEX = "ix_rate_tables_state_product_coverage_date"
NOISE = (0.99, 1.0, 1.01, 0.995, 1.005)
OPERATIONS = [{"name": "lookup", "sql": LOOKUP, "index": INDEX}]


def around(throughput: float) -> list[float]:
    return [throughput * factor for factor in NOISE]


def curve(**by_size: float) -> dict[int, list[float]]:
    return {int(name.removeprefix("s")): around(value) for name, value in by_size.items()}


def found(analysis: Analysis, rule: str) -> list[Finding]:
    return [finding for finding in analysis.findings if finding.rule == rule]


def only(analysis: Analysis, rule: str) -> Finding:
    (finding,) = found(analysis, rule)
    return finding


def plan(name: str, operation: str = "lookup") -> PlanFact:
    (document,) = json.loads((PLANS / f"{name}.json").read_text())
    return PlanFact(operation=operation, role="app", kind="custom", sql=LOOKUP, arguments=(), document=document)


def one_size(**options: Any) -> Analysis:
    return sweep({10: {10: around(1000)}}, **options)


# Every rule: documented, registered, sound.


def test_every_rule_of_the_folder_is_registered_and_names_its_source() -> None:
    folder = Path(findings.__file__).parent
    own = (path for path in folder.rglob("*.py") if path.parent.name != "plans")  # they have a register of their own
    files = [path for path in own if path.stem not in {"__init__", "context", "waiting"}]
    modules = [rule.__module__.removeprefix(f"{findings.__name__}.").replace(".", "/") for rule in RULES]
    assert sorted(modules) == sorted(path.relative_to(folder).with_suffix("").as_posix() for path in files)
    assert all("Source:" in path.read_text() for path in files)


def test_a_healthy_run_has_no_finding_above_info() -> None:
    analysis = sweep(
        {50: curve(s4=1000, s8=1900, s16=2450, s32=2500, s48=2490)},
        budgets=["p95 < 1s"],
        operations=OPERATIONS,
        plans=[plan("lookup_index"), plan("lookup_other_constants")],
    )
    assert {finding.severity for finding in analysis.findings} == {"info"}


def test_findings_can_be_written_as_json() -> None:
    analysis = sweep({50: curve(s8=1900, s16=2450, s48=2000)}, budgets=["p95 < 30ms"], operations=OPERATIONS)
    assert len(analysis.findings) >= 2
    written = json.loads(msgspec.json.encode(analysis.findings))
    keys = {"rule", "severity", "status", "summary", "evidence", "remedy", "patch", "source"}
    assert all(keys == set(finding) for finding in written)


# best-pool-size


def test_best_pool_size_carries_evidence_counter_evidence_and_a_patch() -> None:
    analysis = sweep({50: curve(s4=1000, s8=1900, s16=2450, s32=2500, s48=2490)}, base={"size": 48})
    finding = only(analysis, "best-pool-size")
    assert finding.evidence["pool_size"] == 16
    assert isinstance(finding.evidence["throughput"], Estimate)
    assert {"usl_peak", "knee", "formula_cores_x_2_plus_1", "cannot_claim"} <= finding.evidence.keys()
    assert finding.evidence["formula_cores_x_2_plus_1"] == 9
    assert finding.patch is not None
    assert (finding.patch.text, finding.patch.rollback) == ("[pool]\nsize = 16\n", "[pool]\nsize = 48\n")


def test_no_patch_where_the_pool_has_the_best_size_already() -> None:
    finding = only(sweep({50: curve(s8=1900, s16=2450, s32=2500)}, base={"size": 16}), "best-pool-size")
    assert finding.patch is None


def test_one_size_alone_is_no_best_size() -> None:
    assert not found(one_size(), "best-pool-size")


def test_best_pool_size_never_reads_as_advice_to_add_connections_to_a_saturated_system() -> None:
    saturated = {"pooler": pooler_facts(scenario(), {}, cpu_s=2.0)}
    analysis = sweep({50: curve(s8=1900, s16=2450, s32=2500)}, facts=dict.fromkeys((8, 16, 32), saturated))
    assert "a bigger pool cannot lift it" in only(analysis, "best-pool-size").remedy


# budget-missed


@pytest.mark.parametrize(("limit", "missed"), [("9ms", True), ("11ms", False)])
def test_budget_missed_needs_a_failing_line_that_counts(limit: str, missed: bool) -> None:  # noqa: FBT001 - a table
    analysis = one_size(budgets=[f"p95 < {limit}"])
    assert bool(found(analysis, "budget-missed")) is missed


def test_a_missed_budget_says_where_the_time_goes() -> None:
    """40 clients on 10 connections wait for three quarters of their time; nothing is saturated."""
    finding = only(sweep({40: {10: around(1000)}}, budgets=["p95 < 20ms"]), "budget-missed")
    assert finding.severity == "high"
    assert finding.evidence["mean_time_by_part"]["pool_wait"].point == pytest.approx(0.03, rel=0.02)
    assert "sweep `pool.size` upwards" in finding.remedy


def test_a_saturated_system_is_told_from_a_pool_that_is_too_small() -> None:
    """The queue looks the same; the advice is the opposite."""
    saturated = {10: {"server": server_facts(scenario(), cpu_s=7.9)}}
    finding = only(sweep({40: {10: around(1000)}}, budgets=["p95 < 20ms"], facts=saturated), "budget-missed")
    assert "do not raise the pool" in finding.remedy


def test_a_missed_error_budget_names_the_outcome_not_the_pool() -> None:
    analysis = sweep({10: {10: around(1000)}}, budgets=["error_rate < 0.1%"], outcome=Outcome.SERIALIZATION)
    finding = only(analysis, "budget-missed")
    assert "`serialization`" in finding.remedy
    assert "limit 0.1 %" in finding.summary
    assert finding.evidence["outcomes"]["serialization"] > 0


def test_a_missed_budget_with_a_slow_server_points_at_the_plan() -> None:
    text = "select rate from rate_tables where state = $1 and effective <= $2"
    slow = {
        "server": server_facts(scenario(), [statement(text, 2000, 18.0)]),
        "pooler": pooler_facts(scenario(), {"total_wait_time": 0}),
    }
    finding = only(sweep({10: {10: around(1000)}}, budgets=["p95 < 5ms"], facts={10: slow}), "budget-missed")
    assert "look at the plan" in finding.remedy


# generator-saturated and pooler-saturated


@pytest.mark.parametrize(("cpu_s", "warned"), [(1.6, False), (1.9, True)])
def test_generator_saturated_names_whose_ceiling_it_is(cpu_s: float, warned: bool) -> None:  # noqa: FBT001 - a table
    facts = {10: {"workers": (worker_facts(scenario(), cpu_s=cpu_s),)}}
    analysis = sweep({10: {10: around(1000)}}, facts=facts)
    assert bool(found(analysis, "generator-saturated")) is warned
    if warned:
        finding = only(analysis, "generator-saturated")
        assert finding.severity == "warning"
        assert "not the database's" in finding.summary
        assert finding.evidence["cpu_share_of_busiest_worker"] == pytest.approx(0.95)


def test_a_generator_that_others_kept_from_the_cpu_is_not_called_busy() -> None:
    """A quarter of a second of CPU in two, and ready to run for most of the rest."""
    facts = {10: {"workers": (worker_facts(scenario(), cpu_s=0.25, queued_s=1.6),)}}
    finding = only(sweep({10: {10: around(1000)}}, facts=facts), "generator-saturated")
    assert "kept from the CPU" in finding.summary
    assert "12.5 % of a core though it had work for 92.5 % of the time" in finding.summary
    assert "what others left to it" in finding.summary
    assert "Stop other work" in finding.remedy


@pytest.mark.parametrize(("cpu_s", "warned"), [(1.7, False), (1.9, True)])
def test_pooler_saturated_never_advises_a_bigger_pool(cpu_s: float, warned: bool) -> None:  # noqa: FBT001 - a table
    facts = {10: {"pooler": pooler_facts(scenario(), {}, cpu_s=cpu_s)}}
    analysis = sweep({10: {10: around(1000)}}, facts=facts)
    assert bool(found(analysis, "pooler-saturated")) is warned
    if warned:
        assert "a bigger pool cannot lift it" in only(analysis, "pooler-saturated").summary


# littles-law


def test_a_measurement_that_breaks_a_law_is_high() -> None:
    """Workers say 20 clients, samples show what 10 can do."""
    facts = {10: {"workers": (worker_facts(scenario(), clients=20),)}}
    analysis = sweep({10: {10: around(1000)}}, facts=facts, budgets=["p95 < 1s"])
    finding = only(analysis, "littles-law")
    assert finding.severity == "high"
    assert finding.evidence["law"] == "littles-law"
    assert analysis.verdict.verdict == "inconclusive"


def test_a_measurement_within_the_law_is_no_finding() -> None:
    assert not found(one_size(), "littles-law")


# reset-query-cost


def resetting(release_share: float) -> dict[str, Any]:
    """Facts of trials whose reset takes a share of the hold time; the split sees it by the client's own clock."""
    treated = scenario()
    calls = [statement(sql, 2000, 0.05) for sql in RESET] if release_share else []
    stats = {"total_query_count": 4000, "total_server_assignment_count": 4000, "total_wait_time": 0}
    text = "select rate from rate_tables where state = $1 and effective <= $2"
    return {
        "server": server_facts(treated, [statement(text, 2000, 1.0), *calls]),
        "pooler": pooler_facts(treated, stats),
    }


@pytest.mark.parametrize(
    ("share", "severity"), [(0.0, None), (0.04, None), (0.06, "info"), (0.18, "info"), (0.25, "warning")]
)
def test_reset_query_cost_is_stated_as_the_measured_share_of_the_hold_time(share: float, severity: str | None) -> None:
    analysis = sweep({10: {10: around(1000)}}, facts={10: resetting(share)}, release_share=share)
    if severity is None:
        assert not found(analysis, "reset-query-cost")
        return
    finding = only(analysis, "reset-query-cost")
    assert finding.severity == severity
    assert finding.evidence["share_of_hold_time"].point == pytest.approx(share, rel=0.02)
    assert finding.evidence["round_trips_per_operation"].point == pytest.approx(2, rel=0.02)
    assert finding.patch is not None
    assert 'reset = "none"' in finding.patch.text


@pytest.mark.parametrize("pool", [{"reset": "none"}, {"driver": "psycopg"}])
def test_reset_query_cost_speaks_of_asyncpgs_default_only(pool: dict[str, Any]) -> None:
    analysis = sweep({10: {10: around(1000)}}, facts={10: resetting(0.3)}, base=pool, release_share=0.3)
    assert not found(analysis, "reset-query-cost")


# PO03-oversized


@pytest.mark.parametrize(("most", "readings", "named"), [(4, 10, True), (5, 10, False), (9, 10, False), (4, 1, False)])
def test_connections_that_are_never_used_are_named(most: int, readings: int, named: bool) -> None:  # noqa: FBT001 - a table
    gauges = tuple(gauge(i * S // 10, most if i % 2 else 1) for i in range(readings))
    analysis = sweep({10: {10: around(1000)}}, facts={10: {"pooler": pooler_facts(scenario(), {}, gauges=gauges)}})
    assert bool(found(analysis, "PO03-oversized")) is named


def test_a_pool_that_costs_throughput_is_named_with_its_price() -> None:
    analysis = sweep({50: curve(s8=1900, s16=2500, s32=2480, s48=2000)}, base={"size": 48})
    finding = only(analysis, "PO03-oversized")
    assert "48 connections do 19.7 % less than the best" in finding.summary
    assert list(finding.evidence["throughput_beside_best"]) == ["48"]
    assert finding.patch is not None
    assert finding.patch.text == "[pool]\nsize = 16\n"


def test_a_plateau_is_not_oversized() -> None:
    assert not found(sweep({50: curve(s8=1900, s16=2500, s32=2480, s48=2470)}), "PO03-oversized")


# plan-lacks-index and PL01-seq-scan-selective


@pytest.mark.parametrize(
    ("name", "index", "severity"),
    [
        ("lookup_index", INDEX, None),
        ("lookup_generic", INDEX, None),
        ("lookup_seq_scan", INDEX, "high"),
        ("lookup_index", "ix_another", "warning"),
        ("gin_bitmap", "ix_quotes_vehicle_gin", None),
        ("partitions_pruned", "ix_audit_actor", None),
        ("nested_loop_memoize", "rate_tables_pkey", None),
    ],
)
def test_plan_lacks_index_compares_the_plan_with_what_the_scenario_says(
    name: str, index: str, severity: str | None
) -> None:
    operations = [{"name": "lookup", "sql": LOOKUP, "index": index}]
    analysis = one_size(operations=operations, plans=[plan(name)])
    assert [finding.severity for finding in found(analysis, "plan-lacks-index")] == ([severity] if severity else [])


def test_one_plan_of_several_without_the_index_is_enough() -> None:
    finding = only(
        one_size(operations=OPERATIONS, plans=[plan("lookup_index"), plan("lookup_seq_scan")]), "plan-lacks-index"
    )
    assert "(1 of 2 plans)" in finding.summary
    assert finding.evidence["rows_read"] == 60_000


def test_an_operation_without_an_index_or_a_plan_is_left_alone() -> None:
    assert not found(one_size(plans=[plan("lookup_seq_scan")]), "plan-lacks-index")
    assert not found(one_size(operations=OPERATIONS), "plan-lacks-index")


@pytest.mark.parametrize(
    ("kept", "removed", "named"),
    [(500, 9_500, True), (1_001, 8_999, False), (999, 9_001, True), (1, 9_000, False), (60_000, 0, False)],
)
def test_a_selective_scan_of_a_large_table_is_named(kept: int, removed: int, named: bool) -> None:  # noqa: FBT001 - a table
    node = {
        "Node Type": "Seq Scan",
        "Relation Name": "rate_tables",
        "Actual Rows": kept,
        "Actual Loops": 1,
        "Filter": "(state = $1)",
        "Rows Removed by Filter": removed,
    }
    fact = PlanFact(operation="lookup", role="app", kind="custom", sql="", arguments=(), document={"Plan": node})
    analysis = one_size(plans=[fact])
    assert bool(found(analysis, "PL01-seq-scan-selective")) is named


def test_the_recorded_seq_scan_is_named_with_its_filter() -> None:
    finding = only(one_size(plans=[plan("lookup_seq_scan")]), "PL01-seq-scan-selective")
    assert finding.evidence["rows_read"] == 60_000
    assert "state = 'S07'" in finding.evidence["filter"]
    assert finding.severity == "high"
