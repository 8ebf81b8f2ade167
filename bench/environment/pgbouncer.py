"""pgBouncer as a small object: generated configuration, admin console, quick reconfiguration between trials."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING, NoReturn

import psycopg
from psycopg.rows import dict_row

from bench.environment.account import make_folder, write_private
from bench.environment.pooler_binary import TRACKS_STATEMENTS, reachable_binary, require_peers, version_of
from bench.environment.pooler_ini import (
    PoolerSettings,
    arguments,
    end_stray_pooler,
    ini_file,
    own_address,
    render_ini,
)
from bench.environment.process import (
    Deadline,
    descriptor_limit,
    end_process,
    free_port,
    last_lines,
    log_text,
    spawn,
)
from bench.model.endpoint import Endpoint
from bench.model.errors import SetupError
from bench.model.facts import Caveat

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Mapping
    from pathlib import Path

    from bench.environment.account import Account

CONSOLE_USER = "bench_console"
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


class PgBouncer:
    """One pooler in front of one server, in one process or several on one port.

    The kernel spreads new clients over them (``so_reuseport``). Each also listens on a loopback address of its own for
    its console and its peers: a request to cancel arrives anywhere and is handed to the one that the client is at.
    """

    def __init__(self, binary: Path, folder: Path, account: Account, users: Mapping[str, str]) -> None:
        self.version = version_of(binary)
        self.port = 0
        self.process: subprocess.Popen[bytes] | None = None
        """The first process."""
        self._others: list[subprocess.Popen[bytes]] = []
        self._detached = False
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
        """The admin console: of any of the processes, if there are several."""
        return self._console_at("127.0.0.1")

    @property
    def consoles(self) -> tuple[Endpoint, ...]:
        """The admin console of each process."""
        count = self.settings.processes
        return (self.console,) if count == 1 else tuple(self._console_at(own_address(n)) for n in range(1, count + 1))

    @property
    def pids(self) -> tuple[int, ...]:
        """The ids of the processes that we have started."""
        return tuple(process.pid for process in (self.process, *self._others) if process is not None)

    def _console_at(self, host: str) -> Endpoint:
        password = self._users[CONSOLE_USER]
        return Endpoint(host=host, port=self.port, dbname="pgbouncer", user=CONSOLE_USER, password=password)

    def _wanted(self) -> dict[str, str]:
        """Return what a treatment decides, by pgBouncer's own names."""
        settings = self.settings
        wanted = {"pool_mode": settings.mode, "default_pool_size": str(settings.pool_size)}
        if self.tracks_statements:
            wanted["max_prepared_statements"] = str(settings.max_prepared_statements)
        return wanted | dict(settings.extra)

    def _text(self, number: int) -> str:
        """Return the ini file of one process for the settings that are wanted."""
        return render_ini(
            self.settings,
            number,
            server_port=self._server_port,
            port=self.port,
            auth_file=self._folder / "userlist.txt",
            console_user=CONSOLE_USER,
            log_file=self._log_of(number),
            max_client_conn=self.max_clients,
            tracks_statements=self.tracks_statements,
        )

    def _log_of(self, number: int) -> Path:
        return self.log if number == 1 else self.log.with_name(f"pgbouncer-{number}.log")

    def _write(self) -> None:
        users = "".join(f'"{name}" "{password}"\n' for name, password in self._users.items())
        write_private(self._folder / "userlist.txt", users, self._account)
        for number in range(1, self.settings.processes + 1):
            write_private(ini_file(self._folder, number), self._text(number), self._account)

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
        self._server_port, self._detached = server_port, detached
        for _ in range(PORT_TRIES):
            self.port = free_port()
            if self._listens():
                return
            self.stop()
            if "Address already in use" not in log_text(self.log):
                break
        self._refuse_start()

    def _listens(self) -> bool:
        """Start all processes on the port; tells whether they answer."""
        self._write()
        binary, self._others = reachable_binary(self.binary, self._folder, self._account), []
        for number in range(1, self.settings.processes + 1):
            output = self._folder / ("output.log" if number == 1 else f"output-{number}.log")
            write_private(self._log_of(number), "", self._account)
            output.unlink(missing_ok=True)
            process = spawn(
                [binary, *arguments(self._folder, number)],
                self._account,
                output,
                dies_with_parent=None if self._detached else signal.SIGKILL,
                nofile=self.descriptors,
            )
            if number == 1:
                self.process = process
            else:
                self._others.append(process)
        return self._answers()

    def _refuse_start(self) -> NoReturn:
        raise SetupError(
            "pgBouncer did not start",
            evidence=f"{last_lines(self.log)} {last_lines(self._folder / 'output.log')}",
            remedy=f"Read {self.log}; `bench doctor` checks the binary.",
        )

    def _answers(self) -> bool:
        deadline = Deadline(START_DEADLINE_S)
        processes = (self.process, *self._others)
        while all(process is not None and process.poll() is None for process in processes):
            try:
                self._console("SHOW VERSION")
            except SetupError:
                if deadline.passed():
                    return False
            else:
                return True
        return False

    def _console(self, *commands: str) -> list[dict[str, str]]:
        """Run commands on every admin console, which speak the simple protocol only; returns the last rows of all."""
        rows: list[dict[str, str]] = []
        try:
            for console in self.consoles:
                with psycopg.connect(
                    console.dsn(), autocommit=True, connect_timeout=5, row_factory=dict_row
                ) as connection:
                    for command in commands:
                        cursor = connection.execute(command.encode())
                    rows += cursor.fetchall() if cursor.description else []
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
        if settings.processes != self.settings.processes:
            self._restart(settings)
        self.settings = settings
        self._write()
        in_force: dict[str, set[str]] = {}
        for row in self._console("RELOAD", "SHOW CONFIG"):
            in_force.setdefault(row["key"], set()).add(row["value"])
        for name, value in self._wanted().items():
            if in_force.get(name) != {value}:
                found = ", ".join(sorted(in_force.get(name, {"no such setting"})))
                raise SetupError(
                    f"pgBouncer did not take `{name} = {value}`",
                    evidence=f"in force is {found}; {last_lines(self.log, 2)}",
                    remedy="Check the name and the value in pgBouncer's documentation.",
                )
        self._console(f"KILL {database}", f"RESUME {database}")

    def _restart(self, settings: PoolerSettings) -> None:
        """Run another number of processes on the same port: whether a port is shared is decided when it is opened."""
        self.require_processes(settings.processes)
        self.stop()
        self.settings = settings
        if not self._listens():
            self.stop()
            self._refuse_start()

    def require_processes(self, count: int) -> None:
        """Refuse a number of processes that this pooler cannot be run in."""
        if count == self.settings.processes:
            return
        if self.process is None:
            raise SetupError(
                f"the pooler that is running has {self.settings.processes} process, the scenario asks for {count}",
                remedy="Stop it with `bench down`: `bench run` then starts its own, as many as each trial asks for.",
            )
        if count > 1:
            require_peers(self.version)

    def restart(self, away_s: float) -> None:
        """End all processes at once and start them again ``away_s`` later, on the same port; raises ``SetupError``."""
        self.stop()
        time.sleep(away_s)
        if not self._listens():
            self.stop()
            self._refuse_start()

    def adopt(self, port: int, server_port: int) -> None:
        """Take over a pooler that an earlier command left running, with the settings that it has."""
        self.port, self._server_port = port, server_port
        config = {row["key"]: row["value"] for row in self._console("SHOW CONFIG")}
        tracked = config.get("max_prepared_statements", "0")
        self.settings = PoolerSettings(config["pool_mode"], int(config["default_pool_size"]), int(tracked))
        self.max_clients = int(config["max_client_conn"])

    def stop(self) -> None:
        """Stop at once: a pooler has nothing to save."""
        first = signal.SIGQUIT if self.version >= QUITS_BY_TERM else signal.SIGTERM
        for process in (self.process, *self._others):
            if process is not None:
                end_process(process.pid, (first,), patience_s=3)
                process.wait()
        self.process, self._others = None, []
