"""pgbench when something goes wrong, and what is to be seen of its process."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import psutil
import pytest

from bench.environment.pooler_ini import PoolerSettings
from bench.load.pgbench import Pgbench
from bench.load.pgbench_process import version_of
from bench.model.errors import ScenarioError, SetupError
from bench.model.sample import Outcome
from tests.load.pools import ask, eventually, show
from tests.load.trials import PLUS, generator, open_loop, run, scenario, single, writing

if TYPE_CHECKING:
    from bench.environment.embedded import Environment

pytestmark = pytest.mark.pg


# What goes wrong


def test_a_client_that_pgbench_gives_up_is_counted_and_the_trial_is_doubted(environment: Environment) -> None:
    """Client 0 of two takes the even numbers and divides by zero at 60, about 0.6 s after its start."""
    what = writing(
        single("SELECT 1 / ($1::int - 60)"),
        load='model = "open", rate = "100/s"',
        parameters='[{ kind = "sequence", name = "n", start = 0 }]',
    )
    what = msgspec.structs.replace(
        what,
        pool=msgspec.structs.replace(what.pool, size=2),
        run=msgspec.structs.replace(what.run, window=type(what.run.window)(2_000_000_000)),
    )
    collected = run(environment, what)
    outcomes = Counter(collected.samples.outcome.tolist())
    assert outcomes[Outcome.SQL_ERROR] == 1
    assert outcomes[Outcome.OK] > 80, "the other client goes on"
    assert [note.code for note in collected.notes] == ["pgbench-lost-clients"]
    assert collected.notes[0].invalidates
    assert "1 of 2 clients" in collected.notes[0].text
    assert "division by zero" in collected.examples[Outcome.SQL_ERROR]


def test_a_statement_that_never_works_is_named_at_once(environment: Environment, pgbench: Path) -> None:
    with pytest.raises(SetupError, match="pgbench ended before the trial did, with status 2") as caught:
        run(environment, writing(single("SELECT 1 / 0")), pgbench=pgbench)
    assert "division by zero" in caught.value.evidence


@pytest.mark.usefixtures("seen")
def test_an_error_is_told_without_the_rows_it_speaks_of(environment: Environment, pgbench: Path) -> None:
    ask(environment.admin, "ALTER TABLE seen ADD CHECK (b > 0)")
    with pytest.raises(SetupError) as caught:
        run(environment, writing(single("INSERT INTO seen (a, b) VALUES ('private', -1)")), pgbench=pgbench)
    assert "violates check constraint" in str(caught.value)
    assert "private" not in str(caught.value)


def test_a_wrong_password_is_told_without_it(environment: Environment, pgbench: Path) -> None:
    wrong = msgspec.structs.replace(environment.app, password="wr:ong\\pass")
    load = Pgbench(pgbench, wrong, scenario(pool__driver="pgbench"), {}, 1, 2)
    with pytest.raises(SetupError, match="pgbench ended") as caught, load:
        load.start()
    assert "password authentication failed" in caught.value.evidence
    assert "wr:ong" not in str(caught.value)


def test_a_password_with_colons_and_backslashes_is_understood(environment: Environment, pgbench: Path) -> None:
    awkward = 'a:b\\c\'d "e"'
    ask(environment.admin, "CREATE ROLE awkward LOGIN PASSWORD '" + awkward.replace("'", "''") + "'")
    try:
        endpoint = msgspec.structs.replace(environment.app, user="awkward", password=awkward)
        with Pgbench(pgbench, endpoint, scenario(pool__driver="pgbench"), {}, 1, 2) as load:
            load.start()
            assert len(load.collect().samples) > 20
    finally:
        ask(environment.admin, "DROP ROLE awkward")


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"load.think_time": "10ms"}, "no think time"),
        ({"pool.prewarm": False}, "opens all its connections before the load"),
    ],
)
def test_what_pgbench_would_quietly_do_otherwise_is_refused(
    environment: Environment, settings: dict[str, Any], reason: str
) -> None:
    what = scenario(pool__driver="pgbench", **{name.replace(".", "__"): value for name, value in settings.items()})
    with pytest.raises(ScenarioError, match=reason):
        generator(environment, what)


def test_arrivals_that_are_not_poisson_and_users_are_refused(environment: Environment) -> None:
    users = PLUS.replace('model = "closed", clients = 6', 'model = "users", users = 5, think_time = "1s"')
    for what in (open_loop(pool__driver="pgbench", load__arrival="constant"), scenario(users, pool__driver="pgbench")):
        with pytest.raises(ScenarioError, match="closed loop and Poisson arrivals only"):
            generator(environment, what)


def test_arguments_too_long_for_a_command_line_are_refused(environment: Environment) -> None:
    sql = "SELECT long"
    text = PLUS.replace(
        'kind = "uniform", name = "n", low = 1, high = 5', f'kind = "sample", names = ["n"], sql = "{sql}"'
    )
    with (
        pytest.raises(ScenarioError, match="too long for the `pgbench` driver"),
        generator(environment, scenario(text, pool__driver="pgbench"), populations={sql: [("x" * 200_000,)]}) as load,
    ):
        load.start()


def test_what_a_frozen_pooler_holds_is_unfinished_and_the_trial_is_doubted(environment: Environment) -> None:
    environment.pooler.apply(PoolerSettings(pool_size=4), environment.pooled.dbname)
    assert environment.pooler.process
    pid = environment.pooler.process.pid
    what = scenario(pool__driver="pgbench")

    def freeze(load: Pgbench) -> None:
        load.watch_until(load.start_ns + what.run.warmup)
        os.kill(pid, signal.SIGSTOP)

    try:
        collected = run(environment, what, freeze, pooled=True, drain_ns=200_000_000)
    finally:
        os.kill(pid, signal.SIGCONT)
    assert np.count_nonzero(collected.samples.outcome == Outcome.UNFINISHED) == 4
    assert [note.code for note in collected.notes] == ["pgbench-cut-off"]


# The process


def test_no_secret_is_in_its_arguments_or_environment(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", "of somebody else")
    monkeypatch.setenv("BENCH_DSN", environment.admin.dsn())
    seen = b""

    def look(load: Pgbench) -> None:
        nonlocal seen
        for pid in load.pids:
            seen += Path(f"/proc/{pid}/cmdline").read_bytes() + Path(f"/proc/{pid}/environ").read_bytes()

    run(environment, scenario(pool__driver="pgbench"), look)
    assert b"--client=4" in seen
    assert b"PGUSER=bench_app_login" in seen
    for secret in (environment.app_password, environment.admin.password, "of somebody else"):
        assert secret.encode() not in seen


def test_it_does_not_outlive_a_parent_that_is_killed(environment: Environment) -> None:
    script = (
        "import sys, time, pickle\n"
        "from bench.load.pgbench import Pgbench\n"
        "binary, endpoint, what = pickle.load(sys.stdin.buffer)\n"
        "with Pgbench(binary, endpoint, what, {}, 1, 2) as load:\n"
        "    load.start(); print(*load.pids, flush=True); time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert parent.stdin
    assert parent.stdout
    what = scenario(pool__driver="pgbench", run__window="30s")
    pickle.dump((environment.postgres.bindir / "pgbench", environment.app, what), parent.stdin)
    parent.stdin.close()
    (pid,) = (int(text) for text in parent.stdout.readline().split())
    folder = Path(psutil.Process(pid).environ()["PGPASSFILE"]).parent
    parent.kill()
    parent.wait()
    parent.stdout.close()
    eventually(lambda: not psutil.pid_exists(pid))
    assert folder.is_dir(), "a killed parent cannot clean up"
    for left in folder.iterdir():
        left.unlink()
    folder.rmdir()


def test_nothing_is_left_behind(environment: Environment) -> None:
    kept: list[tuple[int, Path]] = []

    def look(load: Pgbench) -> None:
        pid = load.pids[0]
        kept.append((pid, Path(psutil.Process(pid).environ()["PGPASSFILE"])))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(environment, scenario(pool__driver="pgbench", run__window="30s"), look)
    pid, secret = kept[0]
    assert not psutil.pid_exists(pid)
    assert not secret.parent.exists()


def test_a_pgbench_that_dies_is_told_before_the_window_is_over(environment: Environment) -> None:
    what = scenario(pool__driver="pgbench", run__window="60s")
    began_ns = time.monotonic_ns()
    with pytest.raises(SetupError, match="with status -9"):
        run(environment, what, lambda load: os.kill(load.pids[0], signal.SIGKILL))
    assert time.monotonic_ns() - began_ns < what.run.window


def test_the_version_is_read_whatever_the_distribution_adds(pgbench: Path) -> None:
    version = version_of(pgbench)
    assert version.partition(".")[0] in {"14", "15", "16", "17", "18"}
    assert version.replace(".", "").isdigit()


def test_something_else_than_pgbench_is_refused() -> None:
    with pytest.raises(SetupError, match="is no pgbench"):
        version_of(Path("/bin/echo"))
    with pytest.raises(SetupError, match="does not run"):
        version_of(Path("/nowhere/pgbench"))


def test_the_pooler_sees_one_client_for_each_connection(environment: Environment) -> None:
    environment.pooler.apply(PoolerSettings(pool_size=4), environment.pooled.dbname)

    def clients() -> int:
        return sum(
            int(row["cl_active"]) for row in show(environment, "POOLS") if row["user"] == environment.pooled.user
        )

    run(environment, scenario(pool__driver="pgbench"), lambda _: eventually(lambda: clients() == 4), pooled=True)
