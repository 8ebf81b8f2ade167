"""pgBouncer as a small object: generated configuration, admin console, quick reconfiguration between trials."""

from __future__ import annotations

import re
import shutil
import signal
import string
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

from bench.environment.process import (
    Deadline,
    can_reach,
    descriptor_limit,
    end_process,
    free_port,
    last_lines,
    make_folder,
    spawn,
    write_private,
)
from bench.environment.resources import shipped_folder
from bench.model.endpoint import Endpoint
from bench.model.errors import SetupError
from bench.model.facts import Caveat

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.environment.process import (
        Account,
    )

CONSOLE_USER = "bench_console"
TRACKS_STATEMENTS = (1, 21)
QUITS_BY_TERM = (1, 23)
WANTED_DESCRIPTORS = 20_000
MOST_CLIENTS = 12_000
START_DEADLINE_S = 15.0

NO_STATEMENTS = Caveat(
    code="no-prepared-statements",
    text="this pgBouncer does not track prepared statements, so none can be used behind transaction pooling",
    cure="Run `make setup`, which provides pgBouncer 1.21 or newer, or pass `--pgbouncer`.",
)


@dataclass(frozen=True, slots=True)
class PoolerSettings:
    """What a treatment may change."""

    mode: str = "transaction"
    pool_size: int = 20
    max_prepared_statements: int = 200


def version_of(binary: Path) -> tuple[int, int]:
    """Return (major, minor); raises ``SetupError`` for something that is no pgBouncer."""
    try:
        text = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise SetupError(f"{binary} does not run: {error}", remedy="Name a pgBouncer binary.") from None
    found = re.search(r"PgBouncer (\d+)\.(\d+)", text)
    if found is None:
        raise SetupError(f"{binary} is no pgBouncer", evidence=text.strip(), remedy="Name a pgBouncer binary.")
    return int(found[1]), int(found[2])


def find_pgbouncer(explicit: Path | None, state: Path) -> Path:
    """Return the binary to use: the one named, the built one, the system's. An old one is used last, with a caveat."""
    if explicit is not None:
        version_of(explicit)
        return explicit
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
        self._binary = binary
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
        return () if self.tracks_statements else (NO_STATEMENTS,)

    @property
    def console(self) -> Endpoint:
        """The admin console."""
        password = self._users[CONSOLE_USER]
        return Endpoint(host="127.0.0.1", port=self.port, dbname="pgbouncer", user=CONSOLE_USER, password=password)

    def _write(self) -> Path:
        make_folder(self._folder, self._account)
        ini, auth = self._folder / "pgbouncer.ini", self._folder / "userlist.txt"
        descriptors = descriptor_limit(WANTED_DESCRIPTORS)
        tracking = (
            f"max_prepared_statements = {self.settings.max_prepared_statements}" if self.tracks_statements else ""
        )
        template = string.Template((shipped_folder("schema") / "pgbouncer.ini.tmpl").read_text())
        text = template.substitute(
            server_port=self._server_port,
            port=self.port,
            auth_file=auth,
            console_user=CONSOLE_USER,
            log_file=self.log,
            mode=self.settings.mode,
            pool_size=self.settings.pool_size,
            # a client costs a descriptor, and so does a server connection; the rest is for logs and listeners
            max_client_conn=max(50, min(MOST_CLIENTS, descriptors - 1000)),
            tracking=tracking,
        )
        users = "".join(f'"{name}" "{password}"\n' for name, password in self._users.items())
        write_private(auth, users, self._account)
        write_private(ini, text, self._account)
        return ini

    def start(self, server_port: int, *, detached: bool) -> None:
        """Start and wait until the admin console answers."""
        if not can_reach(self._binary, self._account):
            copy = make_folder(self._folder, self._account) / "pgbouncer"
            shutil.copy2(self._binary, copy)
            copy.chmod(0o755)
            self._binary = copy
        self._server_port = server_port
        for _ in range(5):
            self.port = free_port()
            ini = self._write()
            self.log.unlink(missing_ok=True)
            write_private(self.log, "", self._account)
            self.process = spawn(
                [self._binary, "--quiet", ini],
                self._account,
                self._folder / "output.log",
                dies_with_parent=None if detached else signal.SIGKILL,
                nofile=descriptor_limit(WANTED_DESCRIPTORS),
            )
            if self._answers():
                return
            self.stop()
            if "Address already in use" not in self.log.read_text(errors="replace"):
                break
        raise SetupError(
            "pgBouncer did not start",
            evidence=f"{last_lines(self.log)} {last_lines(self._folder / 'output.log')}",
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

    def _console(self, *commands: str) -> list[tuple[Any, ...]]:
        """Run commands on the admin console, which speaks the simple protocol only."""
        rows: list[tuple[Any, ...]] = []
        try:
            with psycopg.connect(self.console.dsn(), autocommit=True, connect_timeout=5) as connection:
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
        """Bring the settings into force and drop all server connections, so that every trial starts alike."""
        if settings != self.settings:
            self.settings = settings
            self._write()
            self._console("RELOAD")
        self._console(f"KILL {database}", f"RESUME {database}")

    def adopt(self, port: int, server_port: int, settings: PoolerSettings) -> None:
        """Take over a pooler that an earlier command left running."""
        self.port, self._server_port, self.settings = port, server_port, settings

    def stop(self) -> None:
        """Stop at once: a pooler has nothing to save."""
        if self.process is not None:
            first = signal.SIGQUIT if self.version >= QUITS_BY_TERM else signal.SIGTERM
            end_process(self.process.pid, (first,), patience_s=3)
            self.process.wait()
            self.process = None
