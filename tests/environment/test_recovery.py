"""What a crash leaves behind is mended by the next start, and nothing that is not ours is touched."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import psutil
import pytest

from bench.environment.account import server_account
from bench.environment.binaries import embedded_bindir, reachable_install
from bench.environment.connection import connected
from bench.environment.embedded import Where, down, session, up
from bench.environment.state import read_detached, write_detached
from bench.model.errors import SetupError
from tests.environment.holder import all_gone, held

if TYPE_CHECKING:
    from pathlib import Path

    from bench.environment.embedded import Environment

pytestmark = pytest.mark.pg

COMPUTE = """
import sys, psycopg
with psycopg.connect(sys.argv[1], autocommit=True) as connection:
    print(connection.info.backend_pid, flush=True)
    connection.execute("SELECT count(*) FROM generate_series(1, 100000000000)")
"""


def _answers(where: Where) -> bool:
    with session(where) as running, connected(running.pooled) as connection:
        return connection.execute("SELECT 1").fetchone() == (1,)


def test_no_server_outlives_its_killed_parent_and_a_second_start_recovers(any_place: Where) -> None:
    with held(any_place) as (parent, pids):
        parent.kill()
        parent.wait(30)
        assert all_gone(pids), "servers outlived their parent"
    assert _answers(any_place)


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_no_server_outlives_a_parent_that_is_asked_to_end(place: Where, sign: signal.Signals) -> None:
    with held(place) as (parent, pids):
        parent.send_signal(sign)
        parent.wait(30)
        assert all_gone(pids), f"servers outlived {sign.name} of their parent"


def test_a_server_killed_outright_is_recovered_though_a_backend_still_computes(any_place: Where) -> None:
    """A backend that computes does not notice the death of its postmaster, and keeps the next one from starting."""
    running = up(any_place)
    try:
        with connected(running.admin) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        command = [sys.executable, "-c", COMPUTE, running.admin.dsn()]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as client:
            assert client.stdout
            backend = int(client.stdout.readline())
            assert running.postgres.pid
            postmaster = running.postgres.pid
            os.kill(postmaster, signal.SIGKILL)
            assert all_gone([postmaster])
            assert psutil.pid_exists(backend)
            again = up(any_place)
            assert all_gone([backend])
        with connected(again.admin) as connection:
            assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
    finally:
        down(any_place)


def test_a_pooler_that_was_not_recorded_before_a_crash_is_ended_and_its_reader_is_not(place: Where) -> None:
    running = up(place)
    recorded = read_detached(place.state_root)
    assert recorded
    write_detached(place.state_root, None)
    ini = running.pooler.log.with_name("pgbouncer.ini")
    with subprocess.Popen(["tail", "-f", str(ini)], stdout=subprocess.DEVNULL) as reader:
        assert down(place)
        assert all_gone([recorded.pg_pid, recorded.pooler_pid], seconds=5)
        assert reader.poll() is None
        reader.terminate()


def test_a_cluster_that_was_not_finished_is_made_again(place: Where, open_folder: Path) -> None:
    real = reachable_install(embedded_bindir(), server_account(), open_folder)
    broken = open_folder / "broken" / "bin"
    broken.mkdir(parents=True)
    for path in real.iterdir():
        (broken / path.name).symlink_to(path)
    (broken / "initdb").unlink()
    (broken / "initdb").write_text(f'#!/bin/sh\n"{real}/initdb" "$@"\nkill -9 $$\n')
    (broken / "initdb").chmod(0o755)
    with pytest.raises(SetupError, match="initdb"), session(Where(place.state_root, broken, place.pgbouncer)):
        pass
    assert not list(place.state_root.rglob("initial-password"))
    assert _answers(place)


def test_a_database_without_its_marker_gets_it_back_and_one_with_data_keeps_its_comment(place: Where) -> None:
    read = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database()"
    comments = []
    for change in ("NULL", """'{"marker": "poolbench", "dataset": {}}'""", None):
        with session(place) as running, connected(running.admin) as connection:
            comments.append(connection.execute(read).fetchone())
            if change:
                connection.execute(f"COMMENT ON DATABASE insurance IS {change}".encode())
    fresh = ('{"marker": "poolbench"}',)
    assert comments == [fresh, fresh, ('{"marker": "poolbench", "dataset": {}}',)]


def test_a_process_id_that_now_belongs_to_another_server_is_left_alone(place: Where, environment: Environment) -> None:
    """After a reboot the id in a stale file may be that of the machine's own PostgreSQL."""
    assert environment.postgres.process
    assert environment.pooler.process
    up(place)
    recorded = read_detached(place.state_root)
    down(place)
    assert recorded
    data = place.state_root.resolve() / f"pg{recorded.pg_version}" / "data"
    stale = data / "postmaster.pid"
    stale.write_text(f"{environment.postgres.process.pid}\n{data}\n")
    shutil.chown(stale, data.stat().st_uid, data.stat().st_gid)
    write_detached(
        place.state_root,
        type(recorded)(
            pg_version=recorded.pg_version,
            bindir=recorded.bindir,
            pg_port=recorded.pg_port,
            pg_pid=environment.postgres.process.pid,
            pgbouncer=recorded.pgbouncer,
            pooler_port=recorded.pooler_port,
            pooler_pid=environment.pooler.process.pid,
        ),
    )
    assert _answers(place)
    with connected(environment.pooled) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_lost_passwords_are_named_at_once(place: Where) -> None:
    with session(place) as running:
        secrets = place.state_root / f"pg{running.postgres.version}.secrets.json"
    secrets.unlink()
    with pytest.raises(SetupError, match="did not start") as caught, session(place):
        pass
    assert "another password" in caught.value.remedy
