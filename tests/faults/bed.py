"""Servers to break and a run to break them under: the command line as a user starts it, watched from outside."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psutil
import psycopg

from bench.environment.embedded import session
from bench.environment.pooler_ini import PoolerSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from bench.environment.embedded import Environment, Where
    from bench.model.endpoint import Endpoint

PATIENCE_S = 90.0
SESSIONS_END_S = 10.0
SCENARIO = """
name = "fault"
budgets = ["p95(response_time) < 9s"]
load = {{ model = "closed", clients = 4, think_time = "2ms" }}
pooler = {{ kind = "{pooler}" }}
pool = {{ size = 4, workers = 1 }}
run = {{ warmup = "200ms", window = "{window}", replicates = {trials}, order = "sequential" }}
{operation}
"""
PLUS = """
[[operation]]
name = "plus"
sql = "SELECT $1::int + 1"
parameters = [{ kind = "uniform", name = "n", low = 1, high = 5 }]
"""
DEFAULT_SIGNALS = ("env", "--default-signal=INT,HUP,TERM")
"""A shell starts what runs in its background with Ctrl-C ignored."""
QUICK_RETRY = (("server_login_retry", "1"),)
"""Else pgBouncer waits 15 s after a login that failed before it tries the server again."""


def eventually(holds: Callable[[], bool], what: str) -> None:
    """Wait until something is so; fail if it never is."""
    deadline_s = time.monotonic() + PATIENCE_S
    while not holds():
        if time.monotonic() > deadline_s:
            raise AssertionError(f"it never happened: {what}")
        time.sleep(0.02)


@dataclass
class Running:
    """One ``bench`` at work in a folder of its own."""

    process: subprocess.Popen[str]
    folder: Path
    said: list[str] = field(default_factory=list)
    _reader: threading.Thread | None = None

    def listen(self) -> None:
        """Keep what it says, so that its pipe never fills."""

        def read() -> None:
            if self.process.stderr is not None:
                with self.process.stderr as stream:
                    self.said.extend(stream)

        self._reader = threading.Thread(target=read, daemon=True)
        self._reader.start()

    def finished_trials(self, count: int) -> bool:
        """Tell whether it has said that so many trials are finished."""
        if self.process.poll() is not None:
            raise AssertionError(f"it ended before: {''.join(self.said)}")
        return any(line.startswith(f"[{count}/") for line in list(self.said))

    def workers(self) -> list[int]:
        """Return the ids of its load processes."""
        with contextlib.suppress(psutil.Error):
            children = psutil.Process(self.process.pid).children(recursive=True)
            return [one.pid for one in children if "bench.load.worker" in one.cmdline()]
        return []

    def end(self) -> int:
        """Wait for its end; returns its exit code."""
        code = self.process.wait(PATIENCE_S * 2)
        if self._reader is not None:
            self._reader.join()
        return code


class Bed:
    """Servers with an address for each purpose, and folders for runs."""

    def __init__(self, environment: Environment, where: Where, root: Path, trials: int) -> None:
        self.environment = environment
        self.where = where
        self.root = root
        self.trials = trials
        self.direct: Endpoint = environment.app
        self.pooled: Endpoint = environment.pooled
        self._runs = 0

    def start(
        self,
        *,
        pooled: bool,
        operation: str = PLUS,
        window: str = "3s",
        arguments: tuple[str, ...] = (),
        prefix: tuple[str, ...] = (),
        folder: Path | None = None,
        attached: bool = True,
        terminal: int | None = None,
    ) -> Running:
        """Start a run of three trials, attached to these servers unless it is to start its own."""
        if folder is None:
            self._runs += 1
            folder = self.root / f"run{self._runs}"
            folder.mkdir(mode=0o711)
        pooler = "pgbouncer" if pooled else "none"
        text = SCENARIO.format(pooler=pooler, window=window, operation=operation, trials=self.trials)
        (folder / "fault.toml").write_text(text)
        return self.call(
            "run", "fault.toml", *arguments, folder=folder, prefix=prefix, attached=attached, terminal=terminal
        )

    def start_settled(self, *, pooled: bool, **options: Any) -> Running:
        """Start a run and wait until its second trial is under load."""
        running = self.start(pooled=pooled, **options)
        self.amid_second_trial(running)
        return running

    def resume(self, running: Running, *, attached: bool = True) -> int:
        """Take up the only unfinished run of a folder; returns the exit code."""
        (partial,) = (running.folder / "results").glob("*.partial")
        again = self.call(
            "run", "--resume", partial.name.removesuffix(".partial"), folder=running.folder, attached=attached
        )
        code = again.end()
        running.said += again.said
        return code

    def call(
        self,
        *arguments: str,
        folder: Path,
        prefix: tuple[str, ...] = (),
        attached: bool = True,
        terminal: int | None = None,
    ) -> Running:
        """Start any command in a folder, on a terminal if one is given."""
        where = self._addresses() if attached else ("--state", str(self.root / "embedded"))
        extra = () if attached or self.where.pgbouncer is None else ("--pgbouncer", str(self.where.pgbouncer))
        process = subprocess.Popen(
            [*DEFAULT_SIGNALS, *prefix, sys.executable, "-m", "bench", *arguments, *where, *extra, "--warn-only"],
            stdout=subprocess.DEVNULL if terminal is None else terminal,
            stderr=subprocess.PIPE if terminal is None else terminal,
            stdin=subprocess.DEVNULL if terminal is None else terminal,
            text=True,
            cwd=folder,
            env=self.variables(),
        )
        running = Running(process, folder)
        if terminal is None:
            running.listen()
        return running

    def variables(self) -> dict[str, str]:
        """Return the environment of a command: the password is in a file."""
        passwords = self.root / "pgpass"
        console = self.environment.pooler.console
        lines = [f"*:*:*:{each.user}:{each.password}\n" for each in (self.direct, console)]
        passwords.touch(mode=0o600)
        passwords.write_text("".join(lines))
        return {**os.environ, "NO_COLOR": "1", "PGPASSFILE": str(passwords)}

    def _addresses(self) -> tuple[str, ...]:
        named = {
            "--dsn": self.direct,
            "--pooler-dsn": self.pooled,
            "--pooler-admin-dsn": self.environment.pooler.console,
        }
        return tuple(
            word
            for option, one in named.items()
            for word in (option, f"host={one.host} port={one.port} dbname={one.dbname} user={one.user}")
        )

    def load_connections(self) -> int:
        """Count the load's connections at the server, but for those that the pooler keeps, and those at the pooler."""
        sessions = int(self.ask("SELECT count(*) FROM pg_stat_activity WHERE usename = %s AND application_name = ''"))
        kept: int = sum(row[1] == self.pooled.user for row in self.console("SHOW SERVERS"))
        return max(0, sessions - kept) + self._clients()

    def ask(self, query: str) -> Any:
        """Return the one value of a query about the load's role."""
        with psycopg.connect(self.environment.admin.dsn(), connect_timeout=5) as connection:
            row = connection.execute(query.encode(), [self.direct.user]).fetchone()
            return None if row is None else row[0]

    def ask_admin(self, statement: str) -> None:
        """Run a statement as superuser."""
        with psycopg.connect(self.environment.admin.dsn(), autocommit=True) as connection:
            connection.execute(statement.encode())

    def _clients(self) -> int:
        return sum(row[1] == self.pooled.user for row in self.console("SHOW CLIENTS"))

    def console(self, command: str) -> list[Any]:
        """Run a command at the pooler's console."""
        with psycopg.connect(self.environment.pooler.console.dsn(), autocommit=True, connect_timeout=5) as connection:
            cursor = connection.execute(command.encode())
            return cursor.fetchall() if cursor.description else []

    def amid_second_trial(self, running: Running) -> None:
        """Wait until the second trial has been under load for a second; of a run of one trial, that one."""
        if self.trials > 1:
            eventually(lambda: running.finished_trials(1), "the first trial ends")
        eventually(lambda: len(running.workers()) == 1, "the second trial's worker starts")
        eventually(lambda: self.load_connections() >= 4, "the second trial's load connects")
        time.sleep(1.0)

    # What is broken, and mended again

    def server_processes(self) -> list[psutil.Process]:
        """Return the postmaster and its children."""
        pid = self.environment.postgres.pid
        if pid is None:
            raise AssertionError("the server does not run")
        postmaster = psutil.Process(pid)
        return [postmaster, *postmaster.children()]

    def kill_server(self) -> None:
        """End the postmaster by SIGKILL, as the out-of-memory killer does."""
        pid = self.environment.postgres.pid
        if pid is None:
            raise AssertionError("the server does not run")
        os.kill(pid, signal.SIGKILL)
        if self.environment.postgres.process is not None:
            self.environment.postgres.process.wait()

    def start_server(self) -> None:
        """Start the server again on its port; it replays its log."""
        postgres = self.environment.postgres
        postgres.start(detached=False, port=postgres.port)

    def kill_pooler(self) -> None:
        """End the pooler by SIGKILL."""
        process = self.environment.pooler.process
        if process is None:
            raise AssertionError("the pooler does not run")
        process.kill()
        process.wait()

    def start_pooler(self) -> None:
        """Start the pooler again with its configuration, on its port."""
        if not self.environment.pooler._listens():
            raise AssertionError("the pooler does not start again")

    def configure_pooler(self, *extra: tuple[str, str]) -> None:
        """Bring further settings of the pooler into force."""
        settings = PoolerSettings(pool_size=4, extra=(*QUICK_RETRY, *extra))
        self.environment.pooler.apply(settings, self.pooled.dbname)

    # What is left behind

    def left_behind(self, running: Running) -> list[str]:
        """Name processes, locks, sessions and half-written trials that a run has left."""
        found = [f"process {one.pid}" for one in psutil.process_iter() if _belongs(one, running.folder)]
        found += [f"process {one.pid}" for one in psutil.process_iter() if _names(one, self.root / "embedded")]
        for lock in (*running.folder.glob("results/*/writer.lock"), self.root / "embedded" / "lock"):
            if lock.exists() and not _is_free(lock):
                found.append(f"lock {lock.name}")
        found += [f"half-written {path.name}" for path in running.folder.glob("results/*/trials/.*")]
        deadline_s = time.monotonic() + SESSIONS_END_S
        while self._has_sessions() and time.monotonic() < deadline_s:
            time.sleep(0.05)
        return [*found, *(["sessions"] if self._has_sessions() else [])]

    def _has_sessions(self) -> bool:
        try:
            return self.load_connections() > 0
        except psycopg.Error:  # what is broken serves nobody
            return False


def _belongs(process: psutil.Process, folder: Path) -> bool:
    with contextlib.suppress(psutil.Error):
        return process.cwd() == str(folder) and process.status() != psutil.STATUS_ZOMBIE
    return False


def _names(process: psutil.Process, folder: Path) -> bool:
    with contextlib.suppress(psutil.Error):
        return any(re.search(re.escape(str(folder)) + r"(/|$)", word) for word in process.cmdline())
    return False


def _is_free(lock: Path) -> bool:
    with lock.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


@contextlib.contextmanager
def fault_bed(where: Where, root: Path, trials: int = 3) -> Iterator[Bed]:
    """Bring up servers to be broken under runs of so many trials."""
    with session(where) as environment:
        bed = Bed(environment, where, root, trials)
        bed.configure_pooler()
        bed.ask_admin("CREATE TABLE IF NOT EXISTS fault_rows AS SELECT id, 0 AS n FROM generate_series(1, 2) AS id")
        bed.ask_admin("GRANT SELECT, UPDATE ON fault_rows TO bench_app")
        yield bed
