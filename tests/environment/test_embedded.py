"""The embedded servers on both PostgreSQL versions: up, down, crash, and every way it can be refused."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import shutil
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import psutil
import psycopg
import pytest

from bench.environment.connection import connected
from bench.environment.embedded import Where, down, find_running, session, up
from bench.environment.pgbouncer import NO_STATEMENTS, PgBouncer, PoolerSettings, find_pgbouncer
from bench.environment.postgres import embedded_bindir, major_version
from bench.environment.process import server_account
from bench.environment.state import server_place
from bench.model.errors import SetupError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.environment.embedded import Environment

pytestmark = pytest.mark.pg

HOLD = """
import sys, time
from pathlib import Path
from bench.environment.embedded import Where, session
with session(Where(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]) if len(sys.argv) > 3 else None)) as running:
    print(running.postgres.process.pid, running.pooler.process.pid, flush=True)
    time.sleep(600)
"""


@pytest.fixture
def place(open_folder: Path, bindir: Path, pgbouncer: Path | None) -> Where:
    """A state folder for one test."""
    return Where(open_folder / ".bench", bindir, pgbouncer)


def _wait_until_gone(pids: list[int], seconds: float = 20) -> bool:
    _gone, alive = psutil.wait_procs([psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)], timeout=seconds)
    return not alive


def test_a_session_serves_the_application_through_pgbouncer_and_leaves_nothing_behind(place: Where) -> None:
    with session(place) as running:
        assert running.postgres.process
        assert running.pooler.process
        pids = [running.postgres.process.pid, running.pooler.process.pid]
        with connected(running.pooled) as connection:
            row = connection.execute(
                "SELECT current_user, inet_server_port(), (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)"
            ).fetchone()
        assert row == ("bench_app_login", running.postgres.port, False)
    assert _wait_until_gone(pids)


def test_up_status_and_down_can_be_repeated(place: Where) -> None:
    assert find_running(place) is None
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


def _hold(where: Where) -> tuple[subprocess.Popen[str], list[int]]:
    arguments = [str(where.state_root), str(where.pg_bin), *([str(where.pgbouncer)] if where.pgbouncer else [])]
    parent = subprocess.Popen([sys.executable, "-c", HOLD, *arguments], stdout=subprocess.PIPE, text=True)
    assert parent.stdout
    line = parent.stdout.readline()
    assert line, "the environment did not start"
    return parent, [int(pid) for pid in line.split()]


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_no_server_outlives_its_parent_and_a_second_start_recovers(place: Where, sign: signal.Signals) -> None:
    parent, pids = _hold(place)
    parent.send_signal(sign)
    parent.wait(30)
    assert parent.stdout
    parent.stdout.close()
    assert _wait_until_gone(pids), f"servers outlived {sign.name} of their parent"
    with session(place) as running, connected(running.app) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_server_killed_outright_is_recovered_at_the_next_start(place: Where) -> None:
    running = up(place)
    with connected(running.admin) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    assert running.postgres.pid
    pid = running.postgres.pid
    os.kill(pid, signal.SIGKILL)
    assert _wait_until_gone([pid])
    try:
        with connected(up(place).admin) as connection:
            assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
    finally:
        down(place)


def test_two_commands_on_one_state_folder_are_told_apart(place: Where) -> None:
    parent, pids = _hold(place)
    try:
        with pytest.raises(SetupError, match="in use") as caught, session(place):
            pass
        assert str(parent.pid) in caught.value.evidence
    finally:
        parent.kill()
        parent.wait()
        assert parent.stdout
        parent.stdout.close()
    assert _wait_until_gone(pids)


def _command_lines() -> Iterator[str]:
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            yield " ".join(process.cmdline())


def test_secrets_and_data_are_private_and_no_password_shows(place: Where, capfd: pytest.CaptureFixture[str]) -> None:
    running = up(place)
    try:
        secrets = (running.app_password, running.postgres.admin.password)
        command_lines = " ".join(_command_lines())
        logs = running.postgres.log.read_text() + running.pooler.log.read_text()
        shown = repr(running.admin) + repr(running.pooled) + command_lines + logs + capfd.readouterr().out
        assert not any(secret in shown for secret in secrets)
        for path in place.state_root.rglob("*"):
            if path.name.endswith((".json", ".ini", ".txt")) and path.is_file() and "data" not in path.parts:
                assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
        assert stat.S_IMODE(running.postgres.data.stat().st_mode) == 0o700
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


def test_prepared_statements_work_behind_transaction_pooling(environment: Environment) -> None:
    """Two clients, one server connection: the pooler has to prepare for both."""
    environment.pooler.apply(PoolerSettings(pool_size=1), environment.pooled.dbname)

    async def ask() -> list[int]:
        first = await asyncpg.connect(environment.pooled.dsn())
        second = await asyncpg.connect(environment.pooled.dsn())
        try:
            answers = []
            for round_number in range(20):
                answers += [await client.fetchval("SELECT $1::int + 1", round_number) for client in (first, second)]
            return answers
        finally:
            await first.close()
            await second.close()

    assert asyncio.run(ask()) == [number + 1 for number in range(20) for _ in range(2)]


@pytest.mark.parametrize("mode", ["session", "transaction"])
def test_settings_of_the_pooler_are_in_force_after_apply(environment: Environment, mode: str) -> None:
    environment.pooler.apply(
        PoolerSettings(mode=mode, pool_size=7, max_prepared_statements=33), environment.pooled.dbname
    )
    with psycopg.connect(environment.pooler.console.dsn(), autocommit=True) as console:
        settings = {row[0]: row[1] for row in console.execute("SHOW CONFIG")}
    assert (settings["pool_mode"], settings["default_pool_size"], settings["max_prepared_statements"]) == (
        mode,
        "7",
        "33",
    )


def test_the_pooler_may_open_many_descriptors(environment: Environment) -> None:
    """At a soft limit of 1,024 pgBouncer goes silent near 1,000 clients."""
    assert environment.pooler.process
    limits = Path(f"/proc/{environment.pooler.process.pid}/limits").read_text()
    soft = int(next(line for line in limits.splitlines() if line.startswith("Max open files")).split()[3])
    with psycopg.connect(environment.pooler.console.dsn(), autocommit=True) as console:
        allowed = {row[0]: row[1] for row in console.execute("SHOW CONFIG")}["max_client_conn"]
    assert soft > int(allowed)
    assert soft >= min(20_000, resource.getrlimit(resource.RLIMIT_NOFILE)[1])


def test_a_port_that_was_asked_for_and_is_taken_is_named(place: Where) -> None:
    with session(place) as running, socket.socket() as squatter:
        squatter.bind(("127.0.0.1", 0))
        squatter.listen()
        port = squatter.getsockname()[1]
        running.postgres.stop()
        with pytest.raises(SetupError, match=f"port {port} of 127.0.0.1 is taken") as caught:
            running.postgres.start(detached=False, port=port)
        assert "ss -ltnp" in caught.value.remedy


def test_a_state_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SetupError, match="cannot write in") as caught, session(Where(tmp_path / "file" / ".bench")):
        pass
    assert "--state" in caught.value.remedy


def test_a_folder_without_binaries_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="no PostgreSQL server binaries"):
        major_version(tmp_path)


def test_an_unsupported_version_is_refused(tmp_path: Path) -> None:
    for name in ("postgres", "initdb"):
        (tmp_path / name).write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 12.3'\n")
        (tmp_path / name).chmod(0o755)
    with pytest.raises(SetupError, match=r"PostgreSQL 12 .* not supported"):
        major_version(tmp_path)


def test_an_old_pgbouncer_is_used_last_and_with_a_caveat(tmp_path: Path) -> None:
    old = tmp_path / "pgbouncer"
    old.write_text("#!/bin/sh\necho 'PgBouncer 1.18.0'\n")
    old.chmod(0o755)
    pooler = PgBouncer(find_pgbouncer(old, tmp_path), tmp_path, server_account(), {})
    assert pooler.caveats == (NO_STATEMENTS,)


def test_something_that_is_no_pgbouncer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"is no pgBouncer|does not run"):
        find_pgbouncer(Path("/bin/true"), tmp_path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to find a place that another account can reach")
def test_data_go_outside_a_checkout_that_the_servers_account_cannot_enter(
    tmp_path: Path, pgbouncer: Path | None
) -> None:
    closed = tmp_path / "home"
    closed.mkdir(mode=0o700)
    where = Where(closed / ".bench", pgbouncer=pgbouncer)
    with session(where) as running:
        place = running.postgres.data.parent.parent
        assert not place.is_relative_to(closed)
        assert any("cannot enter" in note for note in running.notes)
    shutil.rmtree(server_place(where.state_root.resolve(), server_account()))


@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user runs every other test of this file")
def test_an_ordinary_user_can_run_it_too(open_folder: Path, pgbouncer: Path | None) -> None:
    shutil.chown(open_folder, "nobody", "nogroup")
    arguments = [str(open_folder / ".bench"), str(embedded_bindir()), *([str(pgbouncer)] if pgbouncer else [])]
    command = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "--", sys.executable, "-c", HOLD]
    parent = subprocess.Popen([*command, *arguments], stdout=subprocess.PIPE, text=True, cwd="/")
    assert parent.stdout
    pids = [int(pid) for pid in parent.stdout.readline().split()]
    assert len(pids) == 2
    assert {psutil.Process(pid).username() for pid in pids} == {"nobody"}
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert _wait_until_gone(pids)
