"""pgpool-II carries sessions like the other pooler, keeps no secret readable, and leaves no process behind."""

from __future__ import annotations

import contextlib
import os
import signal
import stat
from typing import TYPE_CHECKING

import psutil
import psycopg
import pytest

from bench.environment.pgpool import PROGRAM, SPARE, Pgpool, end_stray_pgpool, find_pgpool, pgpool_version
from bench.environment.pgpool_observation import PgpoolObserver
from bench.model.errors import ScenarioError, SetupError
from bench.model.scenario_text import parse_scenario
from tests.load.trials import PLUS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bench.environment.embedded import Environment

THROUGH = f'pooler = {{ kind = "pgpool", mode = "session" }}\n{PLUS}'


def _members(group: int) -> list[int]:
    """Return the processes of a group that still run."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, ProcessLookupError):
            if os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
    return found


@pytest.fixture
def pgpool(environment: Environment, open_folder: Path) -> Iterator[Pgpool]:
    made = Pgpool(environment.app, open_folder / "pgpool", environment.postgres.account)
    with contextlib.closing(made):
        yield made


@pytest.mark.pg
def test_it_carries_as_many_sessions_as_it_was_started_for(pgpool: Pgpool) -> None:
    pgpool.start(5)
    with contextlib.ExitStack() as stack:
        backends = set()
        for _ in range(5):
            session = stack.enter_context(psycopg.connect(pgpool.endpoint.dsn(), autocommit=True))
            session.prepare_threshold = 0
            row = session.execute("SELECT pg_backend_pid() + %s", [0]).fetchone()
            assert row is not None
            backends.add(row[0])
    assert len(backends) == 5


@pytest.mark.pg
def test_only_who_knows_the_password_comes_in_and_no_file_shows_it(pgpool: Pgpool, open_folder: Path) -> None:
    pgpool.start(1)
    with pytest.raises(psycopg.OperationalError, match="auth"):
        psycopg.connect(pgpool.endpoint.dsn(), password="wrong")
    assert pgpool.process is not None
    assert pgpool.endpoint.password not in " ".join(psutil.Process(pgpool.process.pid).cmdline())
    files = [path for path in (open_folder / "pgpool").iterdir() if path.is_file()]
    assert files
    holding = [path for path in files if pgpool.endpoint.password in path.read_text(errors="replace")]
    assert [path.name for path in holding] == ["pool_passwd"]
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in holding)


@pytest.mark.pg
def test_what_it_used_is_told_and_what_it_does_not_count_is_not(pgpool: Pgpool) -> None:
    pgpool.start(2)
    observer = PgpoolObserver(pgpool)
    with psycopg.connect(pgpool.endpoint.dsn(), autocommit=True) as session:
        observer.begin()
        for _ in range(300):
            session.execute("SELECT 1")
        facts = observer.end(0, mode="session", pool_size=2, max_prepared_statements=0)
    assert facts.kind == "pgpool"
    assert facts.version.startswith("pgpool-II ")
    assert facts.stats == {}
    assert facts.cpu_s is not None
    assert facts.busiest_cpu_s is not None
    assert 0 <= facts.busiest_cpu_s <= facts.cpu_s
    assert facts.processes >= 2 + SPARE
    assert facts.rss_bytes is None or facts.rss_bytes > 1_000_000


@pytest.mark.pg
def test_no_process_is_left_when_it_is_stopped_or_started_anew(pgpool: Pgpool) -> None:
    pgpool.start(2)
    assert pgpool.process is not None
    first = pgpool.process.pid
    assert len(_members(first)) > 2
    pgpool.start(3)
    assert _members(first) == []
    second = pgpool.process.pid
    pgpool.stop()
    assert _members(second) == []


@pytest.mark.pg
def test_what_a_killed_run_left_is_ended_later(pgpool: Pgpool, open_folder: Path) -> None:
    """Its processes outlive their parent: only the group tells whose they were."""
    pgpool.start(2)
    assert pgpool.process is not None
    group = pgpool.process.pid
    os.kill(group, signal.SIGKILL)
    pgpool.process.wait()
    assert end_stray_pgpool(open_folder / "pgpool")
    assert _members(group) == []
    assert not end_stray_pgpool(open_folder / "pgpool")


def test_the_version_is_asked_of_the_program(tmp_path: Path) -> None:
    assert pgpool_version(find_pgpool()).count(".") >= 1
    other = tmp_path / PROGRAM
    other.write_text("#!/bin/sh\necho something else\n")
    other.chmod(0o755)
    with pytest.raises(SetupError, match="no pgpool-II"):
        pgpool_version(other)


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ('"session"', None),
        ('"transaction"', "sessions only"),
        ('"session", size = 3', "leave `size` out"),
        ('"session", processes = 2', "leave `processes` out"),
    ],
)
def test_what_it_cannot_do_is_refused_with_the_scenario(changed: str, word: str | None) -> None:
    text = THROUGH.replace('"session"', changed)
    if word is None:
        assert parse_scenario(text, "x.toml").pooler.kind == "pgpool"
        return
    with pytest.raises(ScenarioError, match=word):
        parse_scenario(text, "x.toml")


def test_a_swarm_is_told_that_it_cannot_use_it() -> None:
    text = THROUGH.replace("pool = { size", 'pool = { driver = "locust", size')
    with pytest.raises(ScenarioError, match="workers of a swarm"):
        parse_scenario(text, "x.toml")
