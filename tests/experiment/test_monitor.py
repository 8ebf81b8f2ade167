"""`bench monitor` on real servers: alerts appear and clear, metrics are scraped, a lesser role learns what it lacks."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import urllib.request
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families

from bench.environment import migrations
from bench.environment.connection import connected
from bench.environment.embedded import Where, down, up
from bench.environment.process import Deadline
from tests.conftest import make_open_folder, system_bindir

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from bench.environment.embedded import Environment
    from bench.model.endpoint import Endpoint

pytestmark = pytest.mark.pg

PATIENCE_S = 60.0
SENSITIVE = """
[waiting_clients]
warning = 1
[maxwait]
warning = "100ms"
critical = "1h"
[long_transaction]
warning = "200ms"
critical = "1h"
[hit_ratio]
reason = "a cold cache is not what this test is about"
[idle_in_transaction]
reason = "nor an idle client"
"""


@dataclass(frozen=True, slots=True)
class Target:
    """Servers that `bench up` started, on the distribution's PostgreSQL, with our schema."""

    where: Where
    environment: Environment


@pytest.fixture(scope="module")
def target(pgbouncer: Path | None) -> Iterator[Target]:
    folder = make_open_folder()
    where = Where(folder / ".bench", system_bindir(), pgbouncer)
    try:
        environment = up(where)
        migrations.upgrade(environment.admin.dsn())
        yield Target(where, environment)
    finally:
        down(where)
        subprocess.run(["rm", "-rf", str(folder)], check=True)


@pytest.fixture
def thresholds(tmp_path: Path) -> Path:
    path = tmp_path / "limits.toml"
    path.write_text(SENSITIVE)
    return path


def _command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "bench", "monitor", *map(str, arguments)]


def _run(*arguments: object, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "NO_COLOR": "1", **variables}
    return subprocess.run(
        _command(*arguments), capture_output=True, text=True, timeout=120, check=False, env=environment
    )


class Running:
    """A monitor without a terminal; its lines are gathered as they come."""

    def __init__(self, *arguments: object) -> None:
        self.process = subprocess.Popen(
            _command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1
        )
        self.lines: list[str] = []
        self._told = threading.Condition()
        self._threads = [
            threading.Thread(target=self._read, args=(stream,)) for stream in (self.process.stdout, self.process.stderr)
        ]
        for thread in self._threads:
            thread.start()

    def _read(self, stream: IO[str]) -> None:
        for line in stream:
            with self._told:
                self.lines.append(line)
                self._told.notify_all()

    def wait_for(self, pattern: str) -> str:
        """Return the first line that fits, waiting for it if it has not come yet."""

        def found() -> str | None:
            return next((line for line in self.lines if re.search(pattern, line)), None)

        with self._told:
            assert self._told.wait_for(lambda: found() is not None, PATIENCE_S), "".join(self.lines)
        line = found()
        assert line is not None
        return line

    def end(self) -> int:
        """Press Ctrl-C."""
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(PATIENCE_S)
        for thread in self._threads:
            thread.join()
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()
        return code


@contextlib.contextmanager
def _monitoring(*arguments: object) -> Iterator[Running]:
    running = Running(*arguments)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.end()


def _console(target: Target, command: str) -> None:
    with psycopg.connect(target.environment.pooler.console.dsn(), autocommit=True) as console:
        console.execute(command.encode())


def _scrape(address: str) -> dict[str, dict[frozenset[tuple[str, str]], float]]:
    with urllib.request.urlopen(address, timeout=30) as answer:  # noqa: S310 - our own server
        text = answer.read().decode()
    found: dict[str, dict[frozenset[tuple[str, str]], float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, {})[frozenset(sample.labels.items())] = sample.value
    return found


def _until(condition: Callable[[], bool]) -> None:
    deadline = Deadline(PATIENCE_S)
    while not condition():
        assert not deadline.passed()


def test_alerts_appear_and_clear_and_are_scraped(target: Target, thresholds: Path) -> None:
    """PgBouncer is paused with a client waiting, and a transaction is held open; then both end."""
    pooled, app = target.environment.pooled, target.environment.app
    arguments = ("--state", target.where.state_root, "--interval", "100ms", "--thresholds", thresholds)
    with _monitoring(*arguments, "--prometheus", "0") as monitor:
        address = monitor.wait_for("metrics at").split()[-1]
        with contextlib.closing(psycopg.connect(pooled.dsn(), autocommit=True)) as waiting:
            waiting.execute("SELECT 1")
            _console(target, f"PAUSE {pooled.dbname}")
            waiting.pgconn.send_query(b"SELECT 1")
            with contextlib.closing(psycopg.connect(app.dsn())) as holder:
                holder.execute("SELECT 1")
                for name in ("critical pool_paused", "warning +waiting_clients", "warning +maxwait"):
                    assert f"{pooled.dbname}/{pooled.user}" in monitor.wait_for(name)
                assert f"pid {holder.info.backend_pid}" in monitor.wait_for("warning +long_transaction")
                pool = frozenset({("database", pooled.dbname), ("user", pooled.user)})
                metrics = _scrape(address)
                assert metrics["pgbouncer_pools_client_waiting_connections"][pool] == 1
                assert metrics["pgbouncer_databases_paused"][frozenset({("name", pooled.dbname)})] == 1
                assert metrics["pg_up"] == metrics["pgbouncer_up"] == {frozenset(): 1.0}
                longest = metrics["pg_stat_activity_max_tx_duration"]
                assert any(("state", "idle in transaction") in labels and age > 0.2 for labels, age in longest.items())
                assert {dict(labels)["alert"] for labels in metrics["poolbench_alert"]} >= {
                    "pool_paused", "waiting_clients", "maxwait", "long_transaction",
                }  # fmt: skip
                assert dict(metrics["poolbench_partitions_months_ahead"]) == {
                    frozenset({("table", name)}): 3.0 for name in ("analytics_events", "audit_logs")
                }
                holder.rollback()
            _console(target, f"RESUME {pooled.dbname}")
        for name in ("pool_paused", "waiting_clients", "maxwait", "long_transaction"):
            monitor.wait_for(f"cleared +{name}")
        _until(lambda: "poolbench_alert" not in _scrape(address))
        assert monitor.end() == 0


def test_once_prints_one_document_and_its_exit_code_tells(target: Target, thresholds: Path) -> None:
    arguments = ("--once", "--json", "--interval", "100ms", "--state", target.where.state_root)
    well = _run(*arguments, "--thresholds", thresholds)
    document = json.loads(well.stdout)
    assert (well.returncode, document["verdict"], document["alerts"]) == (0, "pass", [])
    assert document["health"]["server"]["database"] == target.environment.admin.dbname
    assert document["health"]["unseen"] == []
    with contextlib.closing(psycopg.connect(target.environment.app.dsn())) as holder:
        holder.execute("SELECT pg_sleep(0.3)")
        ill = _run(*arguments, "--thresholds", thresholds)
        lenient = _run(*arguments, "--thresholds", thresholds, "--warn-only")
    assert (ill.returncode, lenient.returncode) == (1, 0)
    assert [alert["name"] for alert in json.loads(ill.stdout)["alerts"]] == ["long_transaction"]
    assert target.environment.app_password not in ill.stdout + well.stdout


def _role(target: Target, name: str, *, monitors: bool) -> Endpoint:
    password = "watch"
    with connected(target.environment.admin) as connection:
        connection.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{password}'".encode())
        if monitors:
            connection.execute(f"GRANT pg_monitor TO {name}".encode())
    admin = target.environment.admin
    return type(admin)(host=admin.host, port=admin.port, dbname=admin.dbname, user=name, password=password)


@pytest.mark.parametrize("monitors", [True, False])
def test_pg_monitor_is_enough_and_a_lesser_role_is_told_what_it_cannot_see(target: Target, monitors: bool) -> None:  # noqa: FBT001 - a parameter of a test
    role = _role(target, "watcher" if monitors else "stranger", monitors=monitors)
    dsn = f"host={role.host} port={role.port} dbname={role.dbname} user={role.user}"
    with contextlib.closing(psycopg.connect(target.environment.app.dsn())) as holder:
        holder.execute("SELECT 1")
        done = _run("--dsn", dsn, "--once", "--json", "--interval", "50ms", PGPASSWORD=role.password)
        pid = holder.info.backend_pid
    assert done.returncode == 0, done.stderr
    health: dict[str, Any] = json.loads(done.stdout)["health"]
    unseen = [caveat["code"] for caveat in health["unseen"]]
    assert unseen == [*([] if monitors else ["sessions-hidden"]), "pooler-unobserved"]
    assert (pid in [session["pid"] for session in health["server"]["sessions"]]) == monitors
    assert (health["server"]["autovacuum"] is not None) == monitors
    assert [table["months_ahead"] for table in health["server"]["partitions"]] == [3, 3]


def test_a_server_that_goes_away_alerts_and_is_found_again(target: Target, tmp_path: Path) -> None:
    """The console's connection is cut; the next reading opens another."""
    del tmp_path
    environment = target.environment
    with _monitoring("--state", target.where.state_root, "--interval", "100ms", "--prometheus", "0") as monitor:
        monitor.wait_for("metrics at")
        with connected(environment.admin) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'poolbench' AND pid <> pg_backend_pid()"
            )
        assert "does not answer" in monitor.wait_for("critical unreachable server")
        monitor.wait_for("cleared +unreachable server")


def test_what_cannot_be_monitored_is_told_with_its_cure(tmp_path: Path, thresholds: Path) -> None:
    nothing = _run("--once", "--state", tmp_path / "none")
    assert nothing.returncode == 3
    assert "bench up" in nothing.stderr
    wrong = tmp_path / "wrong.toml"
    wrong.write_text("[maxwiat]\nwarning = '1s'\n")
    misspelt = _run("--once", "--state", tmp_path / "none", "--thresholds", wrong)
    assert misspelt.returncode == 2
    assert "`maxwait`" in misspelt.stderr
    assert _run("--json").returncode == 2
    assert _run("--once", "--prometheus", "0").returncode == 2
    shipped = _run("--print-thresholds")
    assert "[months_ahead]" in shipped.stdout
    assert thresholds.is_file()
