"""Configuration by formula: values in every band, limits that hold whatever the machine is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.analysis.configuration import pgbouncer, postgresql
from bench.analysis.configuration.inputs import RESERVED, Inputs, descriptors_of, usable
from bench.analysis.configuration.setting import GIB, MIB, read_amount, same_value
from bench.model.facts import HostSummary

if TYPE_CHECKING:
    from bench.analysis.configuration.setting import Configuration, Setting

MACHINE = Inputs(cores=2, memory_bytes=8 * GIB)


def inputs(**changes: Any) -> Inputs:
    return msgspec.structs.replace(MACHINE, **changes)


def settings(configuration: Configuration) -> dict[str, Setting]:
    found = {setting.name: setting for setting in configuration.settings}
    assert len(found) == len(configuration.settings)
    return found


def server(**changes: Any) -> dict[str, str]:
    configuration = postgresql.recommend_postgresql(inputs(**changes))
    return {name: setting.value for name, setting in settings(configuration).items()}


def pooler(**changes: Any) -> dict[str, str]:
    configuration = pgbouncer.recommend_pgbouncer(inputs(**changes))
    return {name: setting.value for name, setting in settings(configuration).items()}


def test_every_setting_has_formula_source_and_status() -> None:
    full = inputs(cores=8, relations=200, processes=2, workload="dw")
    for configuration in (postgresql.recommend_postgresql(full), pgbouncer.recommend_pgbouncer(full)):
        assert all(setting.formula and setting.source and setting.status for setting in configuration.settings)
        assert not {setting.name for setting in configuration.settings} & configuration.left_alone.keys()


# Memory


@pytest.mark.parametrize(("memory", "value"), [(1, "256MB"), (8, "2048MB"), (64, "16384MB")])
def test_shared_buffers_are_a_quarter_of_memory(memory: int, value: str) -> None:
    assert server(memory_bytes=memory * GIB)["shared_buffers"] == value
    assert server(memory_bytes=memory * GIB)["effective_cache_size"] == f"{memory * 768}MB"


@pytest.mark.parametrize(
    ("memory", "workload", "value"),
    [(0.5, "oltp", "64MB"), (8, "oltp", "512MB"), (8, "dw", "1024MB"), (32, "oltp", "2048MB"), (64, "dw", "2048MB")],
)
def test_maintenance_work_mem_has_a_floor_and_a_ceiling(memory: float, workload: str, value: str) -> None:
    assert server(memory_bytes=int(memory * GIB), workload=workload)["maintenance_work_mem"] == value


@pytest.mark.parametrize(
    ("changes", "value"),
    [
        ({}, "18MB"),  # 6144 MB / (108 x 3)
        ({"data_bytes": GIB}, "24MB"),  # x 1.3
        ({"data_bytes": 100 * GIB}, "17MB"),  # x 0.9
        ({"workload": "mixed"}, "9MB"),
        ({"workload": "dw"}, "9MB"),
        ({"max_connections": 500}, "4MB"),
        ({"memory_bytes": GIB}, "4MB"),  # the floor
    ],
)
def test_work_mem_shares_what_shared_buffers_leave(changes: dict[str, Any], value: str) -> None:
    assert server(**changes)["work_mem"] == value


@given(
    memory=st.integers(GIB, 2048 * GIB),
    cores=st.integers(1, 256),
    workload=st.sampled_from(["oltp", "web", "mixed", "dw"]),
    data=st.none() | st.integers(1, 4096 * GIB),
)
def test_memory_at_worst_fits_any_machine(memory: int, cores: int, workload: str, data: int | None) -> None:
    """As long as work_mem is above its floor; at the floor the note says what to do."""
    machine = inputs(memory_bytes=memory, cores=cores, workload=workload, data_bytes=data)
    work = postgresql.work_mem(machine)
    worst = postgresql.worst_memory(
        postgresql.shared_buffers(machine), machine.connections, work, postgresql.maintenance_work_mem(machine)
    )
    notes = " ".join(postgresql.recommend_postgresql(machine).notes)
    assert worst <= memory or (work == postgresql.LEAST_WORK_MEM and "more than there is" in notes)


# Planner, WAL, parallel workers, locks


@pytest.mark.parametrize(
    ("changes", "cost", "concurrency"),
    [
        ({}, "1.1", "200"),
        ({"storage": "hdd"}, "4", "2"),
        ({"storage": "hdd", "data_bytes": GIB}, "1.1", "2"),
        ({"storage": "nvme", "workload": "dw"}, "4", "1000"),
        ({"storage": "san", "data_bytes": 100 * GIB}, "1.1", "300"),
    ],
)
def test_cost_of_a_random_page_follows_storage_and_data(changes: dict[str, Any], cost: str, concurrency: str) -> None:
    found = server(**changes)
    assert (found["random_page_cost"], found["effective_io_concurrency"]) == (cost, concurrency)


@pytest.mark.parametrize(("workload", "jit"), [("oltp", "off"), ("web", "off"), ("mixed", "off"), ("dw", None)])
def test_jit_is_left_to_data_warehouses(workload: str, jit: str | None) -> None:
    assert server(workload=workload).get("jit") == jit


@pytest.mark.parametrize(
    ("changes", "least", "most"),
    [
        ({"workload": "web"}, "1024MB", "4096MB"),
        ({}, "2048MB", "8192MB"),
        ({"workload": "dw"}, "4096MB", "16384MB"),
        ({"wal_disk_bytes": 5 * GIB}, "1536MB", "3072MB"),
        ({"wal_disk_bytes": 100 * GIB}, "2048MB", "8192MB"),
    ],
)
def test_wal_sizes_never_outgrow_their_disk(changes: dict[str, Any], least: str, most: str) -> None:
    found = server(**changes)
    assert (found["min_wal_size"], found["max_wal_size"]) == (least, most)


@pytest.mark.parametrize(
    ("cores", "workers", "gather"), [(3, None, None), (4, "8", "2"), (7, "8", "4"), (8, "8", "4"), (32, "32", "4")]
)
def test_parallel_workers_need_four_cores(cores: int, workers: str | None, gather: str | None) -> None:
    found = server(cores=cores)
    assert (found.get("max_worker_processes"), found.get("max_parallel_workers_per_gather")) == (workers, gather)


@pytest.mark.parametrize(
    ("relations", "slots"), [(None, None), (1, "64"), (64, "64"), (65, "128"), (300, "512"), (1024, "1024")]
)
def test_locks_follow_the_relations_of_a_transaction(relations: int | None, slots: str | None) -> None:
    assert server(relations=relations).get("max_locks_per_transaction") == slots


# Connections: one identity on both sides


@pytest.mark.parametrize(
    ("changes", "value"),
    [
        ({}, "100"),
        ({"pool_size": 100}, "120"),
        ({"pool_size": 20, "pools": 5, "processes": 2}, "220"),
        ({"max_connections": 40}, "40"),
    ],
)
def test_max_connections_hold_all_pools(changes: dict[str, Any], value: str) -> None:
    assert server(**changes)["max_connections"] == value


@given(
    cores=st.integers(1, 128),
    size=st.none() | st.integers(1, 500),
    pools=st.integers(1, 20),
    processes=st.integers(1, 8),
    direct=st.integers(0, 50),
)
def test_the_pools_never_outgrow_the_server(
    cores: int, size: int | None, pools: int, processes: int, direct: int
) -> None:
    machine = inputs(cores=cores, pool_size=size, pools=pools, processes=processes, direct=direct)
    assert processes * pools * pgbouncer.pool_size(machine) + direct + RESERVED <= machine.connections


@pytest.mark.parametrize(
    ("changes", "size"),
    [
        ({}, "5"),
        ({"cores": 16}, "33"),
        ({"pool_size": 12}, "12"),
        ({"max_connections": 20, "pool_size": 12}, "7"),
        ({"max_connections": 50, "pool_size": 12, "pools": 5}, "7"),
        ({"max_connections": 10}, "1"),
    ],
)
def test_a_pool_is_cores_times_two_plus_one_unless_known_or_too_large(changes: dict[str, Any], size: str) -> None:
    assert pooler(**changes)["default_pool_size"] == size


def test_a_pool_that_was_cut_is_said_to_be() -> None:
    notes = " ".join(pgbouncer.recommend_pgbouncer(inputs(max_connections=20, pool_size=12)).notes)
    assert "A pool of 12 was wanted; the server has room for 7" in notes


def test_a_measured_pool_size_keeps_its_origin() -> None:
    found = settings(pgbouncer.recommend_pgbouncer(inputs(pool_size=8, pool_status="measured: run r1")))
    assert found["default_pool_size"].status == "measured: run r1"
    assert settings(pgbouncer.recommend_pgbouncer(MACHINE))["default_pool_size"].status == "rule of thumb"


@pytest.mark.parametrize(
    ("changes", "value"),
    [
        ({"clients": 10}, "100"),
        ({"clients": 100}, "120"),
        ({"clients": 5000}, "6000"),
        ({"clients": 5000, "processes": 2}, "3000"),
        ({"clients": 5000, "descriptors": 1024}, "919"),
    ],
)
def test_clients_are_let_in_as_far_as_descriptors_reach(changes: dict[str, Any], value: str) -> None:
    assert pooler(**changes)["max_client_conn"] == value


@pytest.mark.parametrize(
    ("budget_s", "value"), [(None, "30"), (0.001, "1"), (0.1, "1"), (0.25, "3"), (1.0, "10"), (5.0, "50")]
)
def test_a_client_waits_no_longer_than_ten_budgets(budget_s: float | None, value: str) -> None:
    assert pooler(budget_s=budget_s)["query_wait_timeout"] == value


@pytest.mark.parametrize(("statements", "value"), [(None, "200"), (50, "200"), (101, "202"), (1000, "2000")])
def test_twice_the_distinct_statements_are_tracked(statements: int | None, value: str) -> None:
    assert pooler(statements=statements)["max_prepared_statements"] == value


def test_an_old_pooler_is_not_given_a_setting_it_does_not_know() -> None:
    configuration = pgbouncer.recommend_pgbouncer(inputs(pooler_version=(1, 20)))
    assert "max_prepared_statements" not in settings(configuration)
    assert "not before 1.21" in configuration.left_alone["max_prepared_statements"]


# Facts of the host, and amounts


def test_a_containers_limits_count_not_the_machines() -> None:
    host = HostSummary(
        machine="m", cpu_model="c", cores=16, memory_bytes=64 * GIB, kernel="k", python="p",
        details={"memory_limit_bytes": 4 * GIB, "cpu_limit_cores": 2.5, "file_descriptors": {"soft": 1, "hard": 4096}},
    )  # fmt: skip
    assert usable(host) == (2, 4 * GIB)
    assert descriptors_of(host) == 4096
    assert usable(msgspec.structs.replace(host, details={})) == (16, 64 * GIB)
    assert descriptors_of(msgspec.structs.replace(host, details={})) is None


@pytest.mark.parametrize(
    ("text", "unit", "amount"),
    [("512MB", None, 512 * MIB), ("65536", "8kB", 512 * MIB), ("1.1", None, 1.1), ("5min", None, 300_000),
     ("300", "s", 300_000), ("-1", None, -1), ("off", None, None), ("5 parsecs", None, None)],
)  # fmt: skip
def test_amounts_are_read_as_the_server_reads_them(text: str, unit: str | None, amount: float | None) -> None:
    assert read_amount(text, unit) == amount


@pytest.mark.parametrize(
    ("wanted", "actual", "unit", "same"),
    [
        ("512MB", "65536", "8kB", True),
        ("512MB", "65535", "8kB", False),
        ("1", "1.0", None, True),
        ("1.1", "1.2", None, False),
        ("off", "off", None, True),
        ("off", "on", None, False),
        ("1", "yes", None, True),
        ("transaction", "session", None, False),
    ],
)
def test_values_are_compared_in_units(wanted: str, actual: str, unit: str | None, same: bool) -> None:  # noqa: FBT001 - a table
    assert same_value(wanted, actual, unit) is same
