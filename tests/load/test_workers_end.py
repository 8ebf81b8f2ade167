"""The end of a trial, in good order or not: nothing is lost, nothing is left behind, no secret is shown."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import psutil
import pytest

from bench.environment.pooler_ini import PoolerSettings
from bench.load.workers import Workers, clean_environment
from bench.model.errors import SetupError
from bench.model.sample import Outcome
from tests.load.pools import ask, eventually
from tests.load.trials import STEPS, open_loop, run, scenario

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bench.environment.embedded import Environment
    from bench.model.scenario import Scenario

pytestmark = pytest.mark.pg

SOON_NS = 300_000_000


# The end


def freezing(what: Scenario, pids: Callable[[], list[int]], frozen: list[int]) -> Callable[[Any], None]:
    def freeze(load: Workers) -> None:
        load.watch_until(load.start_ns + what.run.warmup)
        for pid in pids():
            os.kill(pid, signal.SIGSTOP)
            frozen.append(pid)

    return freeze


@pytest.fixture
def frozen() -> Iterator[list[int]]:
    """Processes that a test has stopped; they go on afterwards, whatever happens."""
    pids: list[int] = []
    yield pids
    for pid in pids:
        if psutil.pid_exists(pid):
            os.kill(pid, signal.SIGCONT)


@pytest.mark.parametrize("driver", ["asyncpg", "asyncpg-queue", "psycopg"])
def test_what_a_frozen_pooler_holds_at_the_end_is_recorded_as_unfinished(
    environment: Environment, frozen: list[int], driver: str
) -> None:
    environment.pooler.apply(PoolerSettings(pool_size=4), environment.pooled.dbname)
    assert environment.pooler.process
    pid = environment.pooler.process.pid
    what = scenario(pool__driver=driver)
    samples = run(environment, what, freezing(what, lambda: [pid], frozen), pooled=True, drain_ns=SOON_NS).samples
    assert np.count_nonzero(samples.outcome == Outcome.UNFINISHED) == 6


@pytest.mark.parametrize("driver", ["asyncpg", "asyncpg-queue", "psycopg"])
def test_what_frozen_backends_hold_at_the_end_is_recorded_as_unfinished(
    environment: Environment, frozen: list[int], driver: str
) -> None:
    mine = "SELECT pid FROM pg_stat_activity WHERE usename = 'bench_app_login'"
    what = scenario(pool__driver=driver)
    freeze = freezing(what, lambda: [pid for (pid,) in ask(environment.admin, mine)], frozen)
    samples = run(environment, what, freeze, drain_ns=SOON_NS).samples
    assert len(frozen) >= 4
    assert np.count_nonzero(samples.outcome == Outcome.UNFINISHED) == 6


def test_arrivals_at_a_frozen_server_are_all_on_the_books(environment: Environment, frozen: list[int]) -> None:
    environment.pooler.apply(PoolerSettings(pool_size=4), environment.pooled.dbname)
    assert environment.pooler.process
    pid = environment.pooler.process.pid
    what = open_loop(load__rate="400/s", load__arrival="constant", load__max_in_flight=20)
    samples = run(environment, what, freezing(what, lambda: [pid], frozen), pooled=True, drain_ns=SOON_NS).samples
    counts = np.bincount(samples.outcome, minlength=len(Outcome))
    assert 398 <= len(samples) <= 402
    assert counts[Outcome.UNFINISHED] == 20, "every place was taken"
    assert counts[Outcome.NOT_SENT] > 100


def gone(pids: list[int]) -> bool:
    return not any(psutil.pid_exists(pid) for pid in pids)


@pytest.mark.parametrize("victim", [0, 1])
def test_a_worker_that_is_killed_is_named_at_once_and_its_siblings_are_ended(
    environment: Environment, victim: int
) -> None:
    what = scenario(run__window="60s")
    began_ns = time.monotonic_ns()
    with Workers(environment.app, what, {}, 1, 2) as load:
        pids = load.pids
        load.start()
        os.kill(pids[victim], signal.SIGKILL)
        with pytest.raises(SetupError, match=f"worker {victim} ended unexpectedly") as caught:
            load.collect()
    assert "exit status -9" in caught.value.evidence
    assert time.monotonic_ns() - began_ns < what.run.window
    assert gone(pids)


PARENT = (
    "import sys, time, pickle\n"
    "from bench.load.workers import Workers\n"
    "endpoint, what = pickle.load(sys.stdin.buffer)\n"
    "with Workers(endpoint, what, {}, 1, 2) as workers:\n"
    "    workers.start(); print(*workers.pids, flush=True); time.sleep(60)\n"
)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_workers_do_not_outlive_their_parent_however_it_ends(environment: Environment, how: signal.Signals) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert parent.stdin
    assert parent.stdout
    pickle.dump((environment.app, scenario(run__window="30s")), parent.stdin)
    parent.stdin.close()
    pids = [int(pid) for pid in parent.stdout.readline().split()]
    assert len(pids) == 2
    parent.send_signal(how)
    parent.wait()
    parent.stdout.close()
    assert parent.stderr
    parent.stderr.close()
    eventually(lambda: gone(pids))


def test_a_worker_whose_parent_was_gone_before_it_began_ends_by_itself() -> None:
    nobody = subprocess.Popen([sys.executable, "-c", ""])
    nobody.wait()
    orphan = subprocess.run([sys.executable, "-m", "bench.load.worker", "0", str(nobody.pid)], check=False)
    assert orphan.returncode == 1


# Secrets and mistakes


def test_no_secret_is_in_a_workers_arguments_or_environment(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", "of somebody else")
    monkeypatch.setenv("BENCH_DSN", environment.admin.dsn())
    with Workers(environment.app, scenario(), {}, 1, 2) as load:
        parts = [Path(f"/proc/{pid}/{what}").read_bytes() for pid in load.pids for what in ("cmdline", "environ")]
    seen = b"".join(parts)
    assert b"bench.load.worker" in seen
    for secret in (environment.app_password, environment.admin.password, "of somebody else"):
        assert secret.encode() not in seen


def test_options_that_only_some_drivers_would_obey_do_not_reach_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGOPTIONS", "-c work_mem=1MB")
    monkeypatch.setenv("PGSSLMODE", "require")
    assert "PGOPTIONS" not in clean_environment()
    assert clean_environment()["PGSSLMODE"] == "require", "but what keeps a connection safe does"


@pytest.mark.parametrize("driver", ["asyncpg", "asyncpg-queue", "psycopg"])
def test_an_unreachable_server_is_the_users_problem_not_a_traceback(environment: Environment, driver: str) -> None:
    nowhere = msgspec.structs.replace(environment.app, port=1)
    with (
        pytest.raises(SetupError, match="could not use its pool") as caught,
        Workers(nowhere, scenario(pool__driver=driver), {}, 1, 2),
    ):
        pass
    assert environment.app_password not in str(caught.value)


@pytest.mark.parametrize("prewarm", [True, False])
def test_a_mistake_in_the_scenario_that_only_the_server_shows_is_told_as_one(
    environment: Environment, *, prewarm: bool
) -> None:
    """While priming, and where nothing is primed, from within the load."""
    text = STEPS.replace('returns = ["a", "b"]', 'returns = ["a"]').replace('args = ["a", "b"]', 'args = ["a", "a"]')
    with pytest.raises(SetupError, match="returns 2 columns, and its `returns` names a"):
        run(environment, scenario(text, pool__prewarm=prewarm))
