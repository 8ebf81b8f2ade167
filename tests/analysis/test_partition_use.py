"""What plans scan of a partitioned table."""

from __future__ import annotations

from bench.analysis.partition_use import tabulate_partitions
from bench.model.partitions import PartitionedTable
from tests.analysis.plan_facts import append, plan, scan

LOG = PartitionedTable(
    table="log",
    key="RANGE (day)",
    parts=("log_01", "log_02", "log_03"),
    rows=300,
    size_bytes=8192,
    default_rows=None,
)
ROOT = {"Node Type": "ModifyTable", "Relation Name": "log", "Actual Loops": 1, "Actual Rows": 0}


def test_an_operation_counts_with_the_plan_that_scans_most_partitions() -> None:
    one, two = append(scan("log_01")), append(scan("log_01"), scan("log_02"))
    [line] = tabulate_partitions([LOG], [plan(one, "a"), plan(two, "b")])
    assert line.scanned == {"lookup": 2}


def test_what_pruning_skipped_and_other_tables_do_not_count() -> None:
    pruned = append(scan("log_01"), scan("log_02", loops=0), scan("other"))
    [line] = tabulate_partitions([LOG], [plan(pruned), plan(scan("other"), operation="elsewhere")])
    assert line.scanned == {"lookup": 1}


def test_an_insert_goes_through_the_root() -> None:
    [line] = tabulate_partitions([LOG], [plan(ROOT, operation="write")])
    assert line.scanned == {"write": 0}


def test_only_the_load_s_own_plans_count() -> None:
    [line] = tabulate_partitions([LOG], [plan(append(scan("log_01")), load=False)])
    assert line.scanned == {}
