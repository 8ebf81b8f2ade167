"""What is known of the machine, and what `bench doctor` says about it."""

from __future__ import annotations

import json
import os
import socket
from typing import TYPE_CHECKING

import msgspec
import psutil
import pytest

from bench.environment.doctor import diagnose
from bench.environment.embedded import Where, down, up
from bench.environment.host import cpu_limit_cores, describe_host, memory_limit_bytes

if TYPE_CHECKING:
    from pathlib import Path


def test_the_machine_is_described_and_not_named() -> None:
    host = describe_host()
    assert host == describe_host() or host.details["load_average"]
    assert host.cores == len(os.sched_getaffinity(0))
    assert host.memory_bytes == psutil.virtual_memory().total
    assert host.details["file_descriptors"]["hard"] >= host.details["file_descriptors"]["soft"] > 0
    text = json.dumps(msgspec.to_builtins(host))
    assert len(host.machine) == 16
    assert socket.gethostname() not in text.split('"')


def _group(root: Path, path: str, **files: str) -> None:
    folder = root / path
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text + "\n")


def test_the_least_limit_of_nested_control_groups_counts(tmp_path: Path) -> None:
    _group(tmp_path, "a/b", memory__max="max", cpu__max="300000 100000")
    _group(tmp_path, "a", memory__max=str(1 << 20), cpu__max="150000 100000")
    _group(tmp_path, ".", memory__max=str(1 << 21))
    assert memory_limit_bytes(tmp_path, "0::/a/b") == 1 << 20
    assert cpu_limit_cores(tmp_path, "0::/a/b") == pytest.approx(1.5)


def test_control_groups_of_the_first_version_are_read_too(tmp_path: Path) -> None:
    _group(tmp_path, "memory/x", memory__limit_in_bytes=str(1 << 20))
    _group(tmp_path, "cpu", cpu__cfs_quota_us="-1", cpu__cfs_period_us="100000")
    _group(tmp_path, "cpu/x", cpu__cfs_quota_us="50000", cpu__cfs_period_us="200000")
    membership = "7:memory:/x\n3:cpu,cpuacct:/x\n1:name=systemd:/\n0::/"
    assert memory_limit_bytes(tmp_path, membership) == 1 << 20
    assert cpu_limit_cores(tmp_path, membership) == pytest.approx(0.25)


def test_no_limit_is_none_and_so_is_one_above_the_machines_memory(tmp_path: Path) -> None:
    _group(tmp_path, ".", memory__max="9223372036854771712", cpu__max="max 100000")
    assert memory_limit_bytes(tmp_path, "0::/somewhere/unseen") is None
    assert cpu_limit_cores(tmp_path, "0::/somewhere/unseen") is None


@pytest.mark.pg
def test_the_doctor_answers_every_question_and_names_a_cure_for_each_problem(place: Where) -> None:
    up(place)
    try:
        checks = diagnose(place)
    finally:
        down(place)
    assert not [check for check in checks if check.status == "fail"]
    assert all(bool(check.remedy) == (check.status != "ok") for check in checks)
    by_name = {check.name: check for check in checks}
    wanted = {"cores", "idle", "memory", "clock", "util-linux", "file descriptors", "server account", "PostgreSQL"}
    wanted |= {"pgBouncer", "running pgBouncer", "pgpool-II", "state folder", "disk", "embedded servers"}
    assert wanted == set(by_name)
    assert "with pg_stat_statements, with auto_explain" in by_name["PostgreSQL"].evidence
    assert "prepared statements behind transaction pooling" in by_name["pgBouncer"].evidence
    assert by_name["embedded servers"].evidence == "running"


def test_the_doctor_reports_what_cannot_be_used_instead_of_stopping_there(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    where = Where(tmp_path / "file" / ".bench", tmp_path / "nothing", tmp_path / "nowhere")
    failed = {check.name: check.remedy for check in diagnose(where) if check.status == "fail"}
    assert set(failed) == {"PostgreSQL", "pgBouncer", "state folder"}
    assert all(failed.values())
