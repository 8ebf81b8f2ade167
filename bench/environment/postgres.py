"""An embedded PostgreSQL as a small object: its own folder, port, password and configuration."""

from __future__ import annotations

import contextlib
import shutil
import signal
import string
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import psycopg

from bench.environment.account import make_folder, write_private
from bench.environment.binaries import LIBRARIES, major_version, missing_libraries
from bench.environment.host import usable_memory_bytes
from bench.environment.process import (
    Deadline,
    end_process,
    free_port,
    last_lines,
    log_text,
    recorded_pid,
    run_as,
    runs_with,
    spawn,
)
from bench.environment.resources import shipped_folder
from bench.environment.roles import ADMIN
from bench.model.endpoint import Endpoint
from bench.model.errors import SetupError

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator, Mapping

    from bench.environment.account import Account

MAX_CONNECTIONS = 200
START_DEADLINE_S = 60.0
RECOVERY_DEADLINE_S = 600.0
"""After a crash the server first replays its log, and says so meanwhile."""
PORT_TRIES = 5


class Postgres:
    """One server on one data folder."""

    def __init__(self, bindir: Path, folder: Path, account: Account, password: str) -> None:
        self.version = major_version(bindir)
        self.bindir = bindir
        self.data = folder / "data"
        self.log = folder / "server.log"
        self.port = 0
        self.process: subprocess.Popen[bytes] | None = None
        self._folder = folder
        self.account = account
        self._password = password

    @property
    def admin(self) -> Endpoint:
        """The superuser's address, database ``postgres``."""
        return Endpoint(host="127.0.0.1", port=self.port, dbname="postgres", user=ADMIN, password=self._password)

    @property
    def pid(self) -> int | None:
        """The postmaster's process id as its own file tells it, None while it does not run."""
        pid = recorded_pid(self.data / "postmaster.pid")
        return pid if runs_with(pid, self.data) else None

    def initialise(self) -> None:
        """Create the cluster with scram-sha-256 and the superuser's password, unless it is there already."""
        make_folder(self._folder, self.account)
        if self.data.is_dir():
            return
        unfinished = self._folder / "data.new"  # renamed when whole: initdb may be killed half-way
        secret = self._folder / "initial-password"
        shutil.rmtree(unfinished, ignore_errors=True)
        write_private(secret, self._password + "\n", self.account)
        try:
            run_as(
                self.account,
                [
                    self.bindir / "initdb", f"--pgdata={unfinished}", f"--username={ADMIN}", f"--pwfile={secret}",
                    "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--data-checksums",
                    "--no-sync",  # there is nothing yet that a power cut could lose
                ],
            )  # fmt: skip
        finally:
            secret.unlink(missing_ok=True)
        hba = (shipped_folder("schema") / "pg_hba.conf.tmpl").read_text()
        write_private(unfinished / "pg_hba.conf", hba, self.account)
        unfinished.rename(self.data)

    def _configure(self, settings: Mapping[str, str]) -> None:
        missing = missing_libraries(self.bindir)
        template = string.Template((shipped_folder("schema") / "postgresql.conf.tmpl").read_text())
        quoted = {name: str(value).replace("'", "''") for name, value in settings.items()}
        text = template.substitute(
            port=self.port,
            max_connections=MAX_CONNECTIONS,
            shared_buffers=f"{min(usable_memory_bytes() // 4, 2 << 30) >> 20}MB",
            libraries=", ".join(name for name in LIBRARIES if name not in missing),
            extra="\n".join(f"{name} = '{value}'" for name, value in sorted(quoted.items())),
        )
        write_private(self.data / "postgresql.conf", text, self.account)

    def start(self, *, detached: bool, port: int | None = None, settings: Mapping[str, str] | None = None) -> None:
        """Start and wait until it answers. A port taken meanwhile is replaced by another, unless it was asked for."""
        end_stray_server(self.data)
        for attempt in range(1, PORT_TRIES + 1):
            self.port = port or free_port()
            self._configure(settings or {})
            self.log.unlink(missing_ok=True)
            self.process = spawn(
                [self.bindir / "postgres", "-D", self.data],
                self.account,
                self.log,
                dies_with_parent=None if detached else signal.SIGINT,
            )
            if self._answers():
                return
            words, text = last_lines(self.log), log_text(self.log)
            self.stop()
            if "Address already in use" not in text:
                raise SetupError(
                    f"PostgreSQL {self.version} did not start on {self.data}",
                    evidence=words,
                    remedy=self._remedy(text),
                )
            if port or attempt == PORT_TRIES:
                break
        raise SetupError(
            f"port {self.port} of 127.0.0.1 is taken",
            evidence=words,
            remedy="Stop what listens there (`ss -ltnp`), or let poolbench choose a free port.",
        )

    def _remedy(self, log: str) -> str:
        if _OTHER_PASSWORD in log:
            return f"The data were made with another password, now lost: remove {self._folder}, it is made again."
        return f"Read {self.log}; `bench down` and a removed {self._folder} start afresh."

    def _answers(self) -> bool:
        deadline, recovered = Deadline(START_DEADLINE_S), Deadline(RECOVERY_DEADLINE_S)
        admin = self.admin
        while self.process is not None and self.process.poll() is None:
            try:
                with psycopg.connect(admin.dsn(), connect_timeout=2) as connection:
                    row = connection.execute("SHOW data_directory").fetchone()
                    return row is not None and Path(row[0]) == self.data
            except psycopg.OperationalError as error:
                patience = recovered if "the database system is" in str(error) else deadline
                if patience.passed() or _OTHER_PASSWORD in log_text(self.log):
                    return False
        return False

    def stop(self) -> None:
        """Stop: fast shutdown first, immediate shutdown after its patience."""
        pid = self.process.pid if self.process else self.pid
        if pid is not None:
            end_process(pid, (signal.SIGINT, signal.SIGQUIT), patience_s=20)
        if self.process is not None:
            self.process.wait()
            self.process = None


_OTHER_PASSWORD = f'password authentication failed for user "{ADMIN}"'


def end_stray_server(data: Path) -> bool:
    """End what a crash left on a data folder, two servers on which would corrupt it; tells whether anything ran.

    To be called only by the holder of the state folder's lock. Backends may outlive a killed postmaster as long as
    their query computes, and the next postmaster refuses to start beside them.
    """
    lock = data / "postmaster.pid"
    if not lock.is_file():
        return False
    pid = recorded_pid(lock)
    found = runs_with(pid, data)
    if found:
        end_process(pid, (signal.SIGINT, signal.SIGQUIT), patience_s=20)
    for backend in _backends(data):
        found = True
        end_process(backend, (signal.SIGQUIT,), patience_s=2)
    lock.unlink(missing_ok=True)
    return found


def _backends(data: Path) -> Iterator[int]:
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.name().startswith("postgres") and process.cwd() == str(data):
                yield process.pid
