"""What the disk refuses is told with path, cause and cure."""

from __future__ import annotations

import errno
import os
import resource
from typing import TYPE_CHECKING

import pytest

from bench.model.errors import StoreError
from bench.store import disk, runs
from tests.store import examples

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NOBODY = 65534


def _create(root: Path) -> runs.RunWriter:
    return runs.create(root, examples.RUN, examples.SCENARIO_TEXT, examples.PLAN, examples.HOST)


def _in_child(work: Callable[[], object]) -> str:
    """Run ``work`` in a forked process and return the ``StoreError`` it ends with, or what else happens."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            work()
            answer = "no error"
        except StoreError as error:
            answer = str(error)
        except BaseException as error:  # noqa: BLE001 - the parent asserts on whatever it was
            answer = repr(error)
        os.write(writing, answer.encode())
        os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    with os.fdopen(reading, "rb") as pipe:
        return pipe.read().decode()


def _as_nobody(work: Callable[[], object]) -> str:
    def drop() -> None:
        if os.geteuid() == 0:
            os.setuid(NOBODY)
        work()

    return _in_child(drop)


def _let_through(path: Path) -> None:
    """Let other users pass the private folders that lead to ``path``."""
    for folder in [path, *path.parents]:
        if not folder.stat().st_mode & 0o001:
            folder.chmod(folder.stat().st_mode | 0o011)


def test_a_folder_that_may_not_be_written_is_named_with_the_cure(tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    (tmp_path / "results").chmod(0o555)
    _let_through(tmp_path)
    answer = _as_nobody(lambda: _create(tmp_path / "results"))
    assert f"cannot write {tmp_path}/results/{examples.RUN.run_id}" in answer
    assert "Permission denied (EACCES)" in answer
    assert "Give this user permission there, or choose another folder for results." in answer


def test_a_run_that_may_not_be_read_is_named(tmp_path: Path) -> None:
    with _create(tmp_path) as writer:
        path = writer.finish()
    (path / "run.json").chmod(0)
    _let_through(path)
    answer = _as_nobody(lambda: runs.open_run(path, tmp_path))
    assert f"cannot read {path}/run.json" in answer
    assert "EACCES" in answer


def test_a_file_where_the_results_should_be_is_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "results").touch()
    with pytest.raises(StoreError, match=r"cannot write .*results") as caught:
        _create(tmp_path / "results")
    assert "Move aside what is in the way" in caught.value.remedy
    with pytest.raises(StoreError, match="cannot read"):
        runs.list_runs(tmp_path / "results")


def test_a_trial_too_large_for_the_disk_leaves_the_run_as_it_was(tmp_path: Path) -> None:
    """The kernel refuses the write half-way; the half is cleaned away and the run can be resumed."""

    def write() -> None:
        with _create(tmp_path) as writer:
            first, second, *_ = writer.pending()
            writer.add_trial(first, examples.facts_of(first), examples.samples_of(50), [], examples.CLOSED)
            resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, resource.RLIM_INFINITY))
            writer.add_trial(second, examples.facts_of(second), examples.samples_of(50_000), [], examples.CLOSED)

    answer = _in_child(write)
    assert "/trials/b01-t002" in answer
    assert "(EFBIG)" in answer
    assert "Make room there" in answer
    with runs.resume(examples.RUN.run_id, tmp_path) as writer:
        assert writer.finished == {"b01-t001"}
        assert writer.discarded == ()


def test_a_file_that_cannot_be_replaced_stays_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    disk.replace_file(path, b"old")

    def write() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10, resource.RLIM_INFINITY))
        disk.replace_file(path, b"new" * 100)

    assert "(EFBIG)" in _in_child(write)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_run_that_cannot_be_begun_leaves_nothing_behind(tmp_path: Path) -> None:
    def write() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))
        _create(tmp_path)

    assert "(EFBIG)" in _in_child(write)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        (errno.ENOSPC, "Make room there"),
        (errno.EDQUOT, "Make room there"),
        (errno.EROFS, "Give this user permission"),
        (errno.EIO, "Check the disk"),
        (errno.ENOENT, "Check the path"),
        (errno.ENAMETOOLONG, "Check the disk and the path"),
    ],
)
def test_every_cause_has_its_cure(tmp_path: Path, code: int, remedy: str) -> None:
    with pytest.raises(StoreError, match=f"cannot write {tmp_path}") as caught, disk.writing(tmp_path):
        raise OSError(code, os.strerror(code))
    assert errno.errorcode[code] in caught.value.evidence
    assert caught.value.remedy.startswith(remedy)


def test_files_are_private_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        disk.replace_file(tmp_path / "a", b"")
        os.umask(0o777)
        disk.replace_file(tmp_path / "b", b"")
        disk.make_folder(tmp_path / "c")
    finally:
        os.umask(before)
    assert [(tmp_path / name).stat().st_mode & 0o777 for name in "abc"] == [0o600, 0o600, 0o700]
