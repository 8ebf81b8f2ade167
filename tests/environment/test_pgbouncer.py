"""The pooler: what it can do, what is in force, and what an old or a limited one says."""

from __future__ import annotations

import asyncio
import resource
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import psycopg
import pytest

from bench.environment.account import server_account
from bench.environment.embedded import down, find_running, session, up
from bench.environment.pgbouncer import MOST_CLIENTS, NO_STATEMENTS, PgBouncer
from bench.environment.pooler_binary import find_pgbouncer
from bench.environment.pooler_ini import PoolerSettings
from bench.model.errors import SetupError
from tests.environment.holder import run_ordinary

if TYPE_CHECKING:
    from bench.environment.embedded import Environment, Where

pytestmark = pytest.mark.pg


def _config(environment: Environment) -> dict[str, str]:
    with psycopg.connect(environment.pooler.console.dsn(), autocommit=True) as console:
        return {row[0]: row[1] for row in console.execute("SHOW CONFIG")}


def test_prepared_statements_work_behind_transaction_pooling(any_place: Where) -> None:
    """Two clients, one server connection: the pooler has to prepare for both."""

    async def ask(dsn: str) -> list[int]:
        first, second = await asyncpg.connect(dsn), await asyncpg.connect(dsn)
        try:
            return [
                await client.fetchval("SELECT $1::int + 1", number)
                for number in range(20)
                for client in (first, second)
            ]
        finally:
            await first.close()
            await second.close()

    with session(any_place) as environment:
        environment.pooler.apply(PoolerSettings(pool_size=1), environment.pooled.dbname)
        answers = asyncio.run(ask(environment.pooled.dsn()))
    assert answers == [number + 1 for number in range(20) for _ in range(2)]


@pytest.mark.parametrize("mode", ["session", "transaction", "statement"])
def test_settings_of_the_pooler_are_in_force_after_apply(environment: Environment, mode: str) -> None:
    wanted = PoolerSettings(mode=mode, pool_size=7, max_prepared_statements=33, extra=(("query_wait_timeout", "9"),))
    environment.pooler.apply(wanted, environment.pooled.dbname)
    config = _config(environment)
    names = ("pool_mode", "default_pool_size", "max_prepared_statements", "query_wait_timeout")
    assert tuple(config[name] for name in names) == (mode, "7", "33", "9")
    environment.pooler.apply(PoolerSettings(), environment.pooled.dbname)
    assert _config(environment)["query_wait_timeout"] == "120"


def test_a_pool_of_three_opens_three_server_connections(environment: Environment) -> None:
    """The proof that the size is not only configured: six clients inside a transaction get three servers."""
    environment.pooler.apply(PoolerSettings(pool_size=3), environment.pooled.dbname)

    async def occupy() -> int:
        clients = [await asyncpg.connect(environment.pooled.dsn()) for _ in range(6)]
        waiting = [asyncio.create_task(client.fetchval("SELECT pg_sleep(0.5)")) for client in clients]
        watcher = await asyncpg.connect(environment.admin.dsn())
        query = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'bench_app_login' AND query ~ 'pg_sleep'"
        most = 0
        while not all(task.done() for task in waiting):
            most = max(most, await watcher.fetchval(query))
            await asyncio.sleep(0.02)
        await asyncio.gather(*waiting)
        for client in (*clients, watcher):
            await client.close()
        return most

    assert asyncio.run(occupy()) == 3


def test_a_setting_that_pgbouncer_does_not_take_is_refused(environment: Environment) -> None:
    wrong = PoolerSettings(extra=(("no_such_setting", "1"),))
    with pytest.raises(SetupError, match="did not take `no_such_setting = 1`"):
        environment.pooler.apply(wrong, environment.pooled.dbname)
    environment.pooler.apply(PoolerSettings(), environment.pooled.dbname)


def test_settings_that_another_command_left_are_not_taken_for_ours(place: Where) -> None:
    """Else a run on `bench up` servers would carry the name of a pool size that it did not have."""
    up(place)
    try:
        with session(place) as first:
            first.pooler.apply(PoolerSettings(pool_size=7), first.pooled.dbname)
        found = find_running(place)
        assert found
        assert found.pooler.settings.pool_size == 7
        with session(place) as second:
            second.pooler.apply(PoolerSettings(), second.pooled.dbname)
            assert _config(second)["default_pool_size"] == "20"
    finally:
        down(place)


def test_the_pooler_may_open_many_descriptors(environment: Environment) -> None:
    """At a soft limit of 1,024 pgBouncer goes silent near 1,000 clients."""
    assert environment.pooler.process
    limits = Path(f"/proc/{environment.pooler.process.pid}/limits").read_text()
    soft = int(next(line for line in limits.splitlines() if line.startswith("Max open files")).split()[3])
    assert soft > int(_config(environment)["max_client_conn"])
    assert soft >= min(20_000, resource.getrlimit(resource.RLIMIT_NOFILE)[1])


LIMITED = """
import sys
from pathlib import Path
from bench.environment.account import server_account
from bench.environment.pgbouncer import PgBouncer
from bench.model.errors import SetupError
pooler = PgBouncer(Path(sys.argv[1]), Path("/nonexistent"), server_account(), {})
print(pooler.max_clients, *(caveat.code for caveat in pooler.caveats))
try:
    pooler.start(1, detached=False)
except SetupError as error:
    print(error.problem)
"""


def test_a_low_limit_on_open_files_is_said_and_never_silently_obeyed(old_pgbouncer: Path) -> None:
    done = run_ordinary(LIMITED, old_pgbouncer, nofile=1024)
    assert done.stdout.startswith("724 no-prepared-statements few-descriptors\n"), done.stderr


def test_a_limit_too_low_for_a_pooler_is_refused(old_pgbouncer: Path) -> None:
    done = run_ordinary(LIMITED, old_pgbouncer, nofile=256)
    assert "the limit of 256 open files is too low for a pooler" in done.stdout, done.stderr


@pytest.fixture
def old_pgbouncer(open_folder: Path) -> Path:
    binary = open_folder / "pgbouncer"
    binary.write_text("#!/bin/sh\necho 'PgBouncer 1.18.0'\n")
    binary.chmod(0o755)
    open_folder.chmod(0o755)
    return binary


def test_an_old_pgbouncer_is_used_with_a_caveat(old_pgbouncer: Path, tmp_path: Path) -> None:
    pooler = PgBouncer(find_pgbouncer(old_pgbouncer, tmp_path), tmp_path, server_account(), {})
    assert NO_STATEMENTS in pooler.caveats
    assert all(caveat.cure for caveat in pooler.caveats)


def test_the_built_pgbouncer_is_preferred_and_an_old_one_comes_last(
    old_pgbouncer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(old_pgbouncer.parent), prepend=":")
    built = tmp_path / "pgbouncer" / "bin" / "pgbouncer"
    built.parent.mkdir(parents=True)
    built.write_text("#!/bin/sh\necho 'PgBouncer 1.24.1'\n")
    built.chmod(0o755)
    assert find_pgbouncer(None, tmp_path) == built


def test_a_full_pooler_has_room_for_the_largest_sweep(environment: Environment) -> None:
    expected = min(MOST_CLIENTS, environment.pooler.descriptors - 300)
    assert int(_config(environment)["max_client_conn"]) == expected


def test_something_that_is_no_pgbouncer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"is no pgBouncer|does not run"):
        find_pgbouncer(Path("/bin/true"), tmp_path)


def test_a_missing_pgbouncer_is_named(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="does not run: No such file"):
        find_pgbouncer(tmp_path / "nowhere", tmp_path)
