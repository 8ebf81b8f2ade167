"""pgBouncer as a small object: generated configuration, admin console, quick reconfiguration between trials."""

from __future__ import annotations

import re
import shutil
import signal
import string
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from psycopg.rows import dict_row

from bench.environment.account import make_folder, write_private
from bench.environment.process import (
    Deadline,
    can_reach,
    descriptor_limit,
    end_process,
    free_port,
    last_lines,
    log_text,
    processes_called,
    spawn,
)
from bench.environment.resources import shipped_folder
from bench.model.endpoint import Endpoint
from bench.model.errors import SetupError
from bench.model.facts import Caveat

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.environment.account import Account

CONSOLE_USER = "bench_console"
TRACKS_STATEMENTS = (1, 21)
QUITS_BY_TERM = (1, 23)
WANTED_DESCRIPTORS = 20_000
OTHER_DESCRIPTORS = 300
"""A client costs a descriptor; so does each server connection (200 at most), and logs and listeners take some."""
MOST_CLIENTS = 12_000
FEWEST_CLIENTS = 100
START_DEADLINE_S = 15.0
PORT_TRIES = 5

NO_STATEMENTS = Caveat(
    code="no-prepared-statements",
    text="this pgBouncer does not track prepared statements, so none can be used behind transaction pooling",
    cure="Run `make setup`, which provides pgBouncer 1.21 or newer, or pass `--pgbouncer`.",
)


@dataclass(frozen=True, slots=True)
class PoolerSettings:
    """What a treatment may change. ``extra`` holds further pairs of ``pgbouncer.ini`` by their own names."""

    mode: str = "transaction"
    pool_size: int = 20
    max_prepared_statements: int = 200
    extra: tuple[tuple[str, str], ...] = ()


def version_of(binary: Path) -> tuple[int, int]:
    """Return (major, minor); raises ``SetupError`` for something that is no pgBouncer."""
    remedy = "Name a pgBouncer binary with `--pgbouncer`, or run `make setup`."
    try:
        done = subprocess.run([binary, "--version"], capture_output=True, text=True, errors="replace", check=True)
    except subprocess.CalledProcessError as error:
        problem, words = f"{binary} does not run: status {error.returncode}", (error.stderr or "").strip()
        raise SetupError(problem, evidence=words, remedy=remedy) from None
    except OSError as error:
        raise SetupError(f"{binary} does not run: {error.strerror}", remedy=remedy) from None
    found = re.search(r"PgBouncer (\d+)\.(\d+)", done.stdout)
    if found is None:
        raise SetupError(f"{binary} is no pgBouncer", evidence=done.stdout.strip(), remedy=remedy)
    return int(found[1]), int(found[2])


def find_pgbouncer(explicit: Path | None, state: Path) -> Path:
    """Return the binary to use: the one named, the built one, the system's. An old one is used last, with a caveat."""
    if explicit is not None:
        version_of(explicit)
        return explicit.absolute()
    candidates = [state / "pgbouncer" / "bin" / "pgbouncer", Path("/usr/sbin/pgbouncer")]
    if on_path := shutil.which("pgbouncer"):
        candidates.insert(1, Path(on_path))
    present = [binary for binary in candidates if binary.is_file()]
    if not present:
        raise SetupError(
            "no pgBouncer found",
            evidence="looked at " + ", ".join(map(str, candidates)),
            remedy="Run `make setup`, install pgBouncer 1.21 or newer, or pass `--pgbouncer`.",
        )
    return next((binary for binary in present if version_of(binary) >= TRACKS_STATEMENTS), present[0])


class PgBouncer:
    """One pooler in front of one server."""

    def __init__(self, binary: Path, folder: Path, account: Account, users: Mapping[str, str]) -> None:
        self.version = version_of(binary)
        self.port = 0
        self.process: subprocess.Popen[bytes] | None = None
        self.settings = PoolerSettings()
        self.log = folder / "pgbouncer.log"
        self.descriptors = descriptor_limit(WANTED_DESCRIPTORS)
        self.max_clients = min(MOST_CLIENTS, self.descriptors - OTHER_DESCRIPTORS)
        self.binary = binary
        self._folder = folder
        self._account = account
        self._users = users
        self._server_port = 0

    @property
    def tracks_statements(self) -> bool:
        """Whether prepared statements work behind transaction pooling."""
        return self.version >= TRACKS_STATEMENTS

    @property
    def caveats(self) -> tuple[Caveat, ...]:
        """Doubts that this pooler brings into every measurement."""
        found = [] if self.tracks_statements else [NO_STATEMENTS]
        if self.max_clients < MOST_CLIENTS:
            found.append(
                Caveat(
                    code="few-descriptors",
                    text=f"pgBouncer may open {self.descriptors} files, so it takes {self.max_clients} clients at most",
                    cure=f"Raise the hard limit: `ulimit -n {WANTED_DESCRIPTORS}` as root, or `LimitNOFILE=`.",
                )
            )
        return tuple(found)

    @property
    def console(self) -> Endpoint:
        """The admin console."""
        password = self._users[CONSOLE_USER]
        return Endpoint(host="127.0.0.1", port=self.port, dbname="pgbouncer", user=CONSOLE_USER, password=password)

    def _wanted(self) -> dict[str, str]:
        """Return what a treatment decides, by pgBouncer's own names."""
        settings = self.settings
        wanted = {"pool_mode": settings.mode, "default_pool_size": str(settings.pool_size)}
        if self.tracks_statements:
            wanted["max_prepared_statements"] = str(settings.max_prepared_statements)
        return wanted | dict(settings.extra)

    def _text(self) -> str:
        """Return the ini file for the settings that are wanted."""
        settings = self.settings
        template = string.Template((shipped_folder("schema") / "pgbouncer.ini.tmpl").read_text())
        text = template.substitute(
            server_port=self._server_port,
            port=self.port,
            auth_file=self._folder / "userlist.txt",
            console_user=CONSOLE_USER,
            log_file=self.log,
            mode=settings.mode,
            pool_size=settings.pool_size,
            max_client_conn=self.max_clients,
            tracking=f"max_prepared_statements = {settings.max_prepared_statements}" if self.tracks_statements else "",
        )
        return text + "".join(f"{name} = {value}\n" for name, value in settings.extra)  # a later line wins

    def _write(self) -> None:
        users = "".join(f'"{name}" "{password}"\n' for name, password in self._users.items())
        write_private(self._folder / "userlist.txt", users, self._account)
        write_private(_ini_file(self._folder), self._text(), self._account)

    def _runnable(self) -> Path:
        """Return the binary, or a copy in our folder where the account cannot reach it."""
        if can_reach(self.binary, self._account):
            return self.binary
        copy, unfinished = self._folder / "pgbouncer", self._folder / "pgbouncer.new"
        try:
            unfinished.unlink(missing_ok=True)
            shutil.copy(self.binary, unfinished)
            unfinished.chmod(0o755)
            unfinished.replace(copy)
        except OSError as error:
            problem = f"cannot copy {self.binary} to {copy}: {error.strerror}"
            raise SetupError(problem, remedy="Make room on the disk.") from None
        return copy

    def start(self, server_port: int, *, detached: bool) -> None:
        """Start and wait until the admin console answers."""
        if self.max_clients < FEWEST_CLIENTS:
            raise SetupError(
                f"the limit of {self.descriptors} open files is too low for a pooler",
                evidence=f"{OTHER_DESCRIPTORS} are for server connections and logs",
                remedy=f"Raise the hard limit: `ulimit -n {WANTED_DESCRIPTORS}` as root, or `LimitNOFILE=`.",
            )
        make_folder(self._folder, self._account)
        end_stray_pooler(self._folder)
        binary, output = self._runnable(), self._folder / "output.log"
        self._server_port = server_port
        for _ in range(PORT_TRIES):
            self.port = free_port()
            self._write()
            write_private(self.log, "", self._account)
            output.unlink(missing_ok=True)
            self.process = spawn(
                [binary, *_arguments(self._folder)],
                self._account,
                output,
                dies_with_parent=None if detached else signal.SIGKILL,
                nofile=self.descriptors,
            )
            if self._answers():
                return
            self.stop()
            if "Address already in use" not in log_text(self.log):
                break
        raise SetupError(
            "pgBouncer did not start",
            evidence=f"{last_lines(self.log)} {last_lines(output)}",
            remedy=f"Read {self.log}; `bench doctor` checks the binary.",
        )

    def _answers(self) -> bool:
        deadline = Deadline(START_DEADLINE_S)
        while self.process is not None and self.process.poll() is None:
            try:
                self._console("SHOW VERSION")
            except SetupError:
                if deadline.passed():
                    return False
            else:
                return True
        return False

    def _console(self, *commands: str) -> list[dict[str, str]]:
        """Run commands on the admin console, which speaks the simple protocol only; returns the last one's rows."""
        rows: list[dict[str, str]] = []
        try:
            with psycopg.connect(
                self.console.dsn(), autocommit=True, connect_timeout=5, row_factory=dict_row
            ) as connection:
                for command in commands:
                    cursor = connection.execute(command.encode())
                    rows = cursor.fetchall() if cursor.description else []
        except psycopg.Error as error:
            raise SetupError(
                f"pgBouncer's admin console at 127.0.0.1:{self.port} failed",
                evidence=" ".join(str(error).split()),
                remedy=f"Read {self.log}.",
            ) from None
        return rows

    def apply(self, settings: PoolerSettings, database: str) -> None:
        """Bring the settings into force and drop all server connections, so that every trial starts alike.

        What is in force is read back: a measurement must not carry the name of a pool size that it did not have.
        """
        self.settings = settings
        self._write()
        in_force = {row["key"]: row["value"] for row in self._console("RELOAD", "SHOW CONFIG")}
        for name, value in self._wanted().items():
            if in_force.get(name) != value:
                raise SetupError(
                    f"pgBouncer did not take `{name} = {value}`",
                    evidence=f"in force is {in_force.get(name, 'no such setting')}; {last_lines(self.log, 2)}",
                    remedy="Check the name and the value in pgBouncer's documentation.",
                )
        self._console(f"KILL {database}", f"RESUME {database}")

    def adopt(self, port: int, server_port: int) -> None:
        """Take over a pooler that an earlier command left running, with the settings that it has."""
        self.port, self._server_port = port, server_port
        config = {row["key"]: row["value"] for row in self._console("SHOW CONFIG")}
        tracked = config.get("max_prepared_statements", "0")
        self.settings = PoolerSettings(config["pool_mode"], int(config["default_pool_size"]), int(tracked))
        self.max_clients = int(config["max_client_conn"])

    def stop(self) -> None:
        """Stop at once: a pooler has nothing to save."""
        if self.process is not None:
            first = signal.SIGQUIT if self.version >= QUITS_BY_TERM else signal.SIGTERM
            end_process(self.process.pid, (first,), patience_s=3)
            self.process.wait()
            self.process = None


def _ini_file(folder: Path) -> Path:
    return folder / "pgbouncer.ini"


def _arguments(folder: Path) -> tuple[str, str]:
    return "--quiet", str(_ini_file(folder))


def end_stray_pooler(folder: Path) -> bool:
    """End a pooler that a crash left running; tells whether there was one. For the holder of the state's lock."""
    strays = processes_called(*_arguments(folder))  # and not an editor that has the file open
    for pid in strays:
        end_process(pid, ())
    return bool(strays)
