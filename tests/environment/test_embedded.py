"""The embedded servers: up, down, whose rights they have, where their files are, and what nobody may read."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import psycopg
import pytest

from bench.environment.account import server_account
from bench.environment.binaries import embedded_bindir, major_version, reachable_install
from bench.environment.connection import connected
from bench.environment.embedded import Where, down, find_running, remove, session, up
from bench.environment.pooler_binary import find_pgbouncer
from bench.environment.state import server_place
from bench.model.errors import SetupError
from tests.conftest import system_bindir
from tests.environment.holder import all_gone, as_ordinary_user, held

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.environment.embedded import Environment

pytestmark = pytest.mark.pg


def test_a_session_serves_the_application_through_pgbouncer_and_leaves_nothing_behind(any_place: Where) -> None:
    with session(any_place) as running:
        assert running.postgres.process
        assert running.pooler.process
        pids = [running.postgres.process.pid, running.pooler.process.pid]
        with connected(running.pooled) as connection:
            row = connection.execute(
                "SELECT current_user, inet_server_port(), (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)"
            ).fetchone()
            version = connection.info.server_version // 10_000
        assert row == ("bench_app_login", running.postgres.port, False)
        assert any_place.pg_bin
        assert version == major_version(any_place.pg_bin)
    assert all_gone(pids)


def test_up_status_and_down_can_be_repeated(place: Where) -> None:
    assert find_running(place) is None
    assert not place.state_root.exists(), "asking must not make a folder"
    first, again = up(place), up(place)
    try:
        assert first.postgres.port == again.postgres.port
        assert find_running(place)
        with session(place) as used, connected(used.app) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        assert find_running(place), "a session must not stop what `bench up` started"
    finally:
        assert down(place)
    assert not down(place)
    assert find_running(place) is None


def test_what_runs_is_not_passed_off_as_other_binaries(place: Where, open_folder: Path) -> None:
    running = up(place)
    try:
        assert up(Where(place.state_root)).postgres.port == running.postgres.port
        with pytest.raises(SetupError, match="another PostgreSQL is running"):
            up(Where(place.state_root, system_bindir()))
        other = open_folder / "pgbouncer"
        shutil.copy(find_pgbouncer(place.pgbouncer, place.state_root), other)
        with pytest.raises(SetupError, match="another pgBouncer is running") as caught:
            up(Where(place.state_root, place.pg_bin, other))
        assert str(other) in caught.value.evidence
        assert "bench down" in caught.value.remedy
    finally:
        down(place)


def test_two_commands_on_one_state_folder_are_told_apart(place: Where) -> None:
    with held(place) as (parent, pids), pytest.raises(SetupError, match="in use") as caught, session(place):
        pass
    assert str(parent.pid) in caught.value.evidence
    assert all_gone(pids)


def test_removing_leaves_no_data_and_the_next_start_makes_them_again(place: Where) -> None:
    up(place)
    assert remove(place)
    assert not [path.name for path in place.state_root.iterdir() if path.name.startswith("pg1")]
    with session(place) as running, connected(running.pooled) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_odd_names_and_relative_paths_work(
    open_folder: Path, pgbouncer: Path | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(open_folder)
    binaries = Path(os.path.relpath(embedded_bindir()))
    where = Where(Path("it's a % pläce; with names"), binaries, pgbouncer)
    with session(where) as running, connected(running.pooled) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def _command_lines() -> Iterator[str]:
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            yield " ".join(process.cmdline())


def test_secrets_and_data_are_private_and_no_password_shows(place: Where, capfd: pytest.CaptureFixture[str]) -> None:
    running = up(place)
    try:
        secrets = (running.app_password, running.postgres.admin.password, running.pooler.console.password)
        with connected(running.admin) as connection:
            statements = connection.execute("SELECT string_agg(query, ' ') FROM pg_stat_statements").fetchone()
        texts = [
            repr(running),
            repr(running.admin),
            repr(running.pooled),
            " ".join(_command_lines()),
            running.postgres.log.read_text(),
            running.pooler.log.read_text(),
            capfd.readouterr().out,
            str(statements),
        ]
        assert not [text for text in texts if any(secret in text for secret in secrets)]
        folders = [place.state_root, running.postgres.data.parent, running.pooler.log.parent]
        for path in (path for folder in folders for path in folder.iterdir() if path.is_file()):
            if path.name != "pgbouncer":  # a copy of the binary, where the account cannot reach the built one
                assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
        assert stat.S_IMODE(running.postgres.data.stat().st_mode) == 0o700
        assert not list(place.state_root.rglob("initial-password"))
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(
                host="127.0.0.1", port=running.postgres.port, user="bench_admin", password="wrong", dbname="postgres"
            )
    finally:
        down(place)


def test_the_servers_never_run_as_root(environment: Environment) -> None:
    assert environment.postgres.process
    assert environment.pooler.process
    for process in (environment.postgres.process, environment.pooler.process):
        assert psutil.Process(process.pid).uids().effective != 0


def test_an_ordinary_user_can_run_it(open_folder: Path, place: Where) -> None:
    account, prefix = server_account(), as_ordinary_user()
    bindir = reachable_install(embedded_bindir(), account, open_folder)
    pgbouncer = open_folder / "pgbouncer"
    shutil.copy(find_pgbouncer(place.pgbouncer, place.state_root), pgbouncer)
    if prefix:
        shutil.chown(open_folder, "nobody", "nogroup")
    with held(Where(place.state_root, bindir, pgbouncer), prefix) as (_, pids):
        assert {psutil.Process(pid).uids().effective for pid in pids} == {open_folder.stat().st_uid}
        assert open_folder.stat().st_uid != 0
    assert all_gone(pids)


def test_data_are_where_the_servers_account_can_enter(tmp_path: Path, pgbouncer: Path | None) -> None:
    """Root's servers run as somebody else, who cannot enter a checkout below root's home; said, and found again."""
    closed = tmp_path / "home"
    closed.mkdir(mode=0o700)
    where = Where(closed / ".bench", embedded_bindir(), pgbouncer)
    switches = server_account().switch
    with session(where) as running:
        folder = running.postgres.data.parent.parent
        assert folder.is_relative_to(closed) != switches
        assert any("cannot enter" in note and str(folder) in note for note in running.notes) == switches
        password = running.app_password
    shutil.rmtree(closed / ".bench")  # as `make clean` does
    with session(where) as running:
        assert (running.app_password == password) == switches, "data and passwords must stay together"
        removed_place = server_place(where.state_root.resolve(), server_account())
    assert remove(where)
    assert removed_place.exists() != switches


def test_binaries_that_the_servers_account_cannot_enter_are_copied(tmp_path: Path, place: Where) -> None:
    """A virtual environment below root's home: the copy must find its shared libraries beside itself."""
    package = embedded_bindir().parents[1]
    closed = tmp_path / "site-packages"
    closed.mkdir(mode=0o700)
    for name in (package.name, f"{package.name}.libs"):
        shutil.copytree(package.with_name(name), closed / name, symlinks=True)
    bindir = closed / package.name / "pginstall" / "bin"
    with session(Where(place.state_root, bindir, place.pgbouncer)) as running, connected(running.pooled) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
        assert running.postgres.bindir.is_relative_to(closed) != server_account().switch
