"""pgpool-II, the second pooler: a process for each client session, started anew for every trial that asks for it.

It pools sessions only: a client keeps its process and that process's server connection until it disconnects. Nothing
of it but pooling is used: one backend, no replication, no load balancing, no query cache, no health checks.
Source: https://www.pgpool.net/docs/latest/en/html/runtime-config-connection-pooling.html
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from bench.environment.account import make_folder, write_private
from bench.environment.connection import connected
from bench.environment.process import Deadline, free_port, last_lines, log_text, recorded_pid, spawn
from bench.model.endpoint import Endpoint
from bench.model.errors import SetupError

if TYPE_CHECKING:
    from bench.environment.account import Account

PROGRAM = "pgpool"
SPARE = 4
"""Processes beyond the load's clients: a look at `SHOW POOL_PROCESSES` takes one as well."""
START_DEADLINE_S = 15.0
STOP_PATIENCE_S = 5.0
PORT_TRIES = 5
_CONFIGURATION = """\
# Written by `bench` for one trial.
backend_clustering_mode = 'raw'
backend_hostname0 = '{host}'
backend_port0 = {server_port}
backend_flag0 = 'ALWAYS_PRIMARY|DISALLOW_TO_FAILOVER'
listen_addresses = '127.0.0.1'
port = {port}
pcp_port = {pcp_port}
pcp_listen_addresses = ''
pcp_socket_dir = '{folder}'
# Named differently before version 4.4. No local session is let in (pool_hba.conf).
socket_dir = '{folder}'
unix_socket_directories = '{folder}'
enable_pool_hba = on
allow_clear_text_frontend_auth = off
pool_passwd = '{folder}/pool_passwd'
connection_cache = on
# A client session each; none is ended for its age, as that would be a login inside the window.
num_init_children = {children}
max_pool = 1
reserved_connections = 0
child_life_time = 0
child_max_connections = 0
connection_life_time = 0
client_idle_limit = 0
load_balance_mode = off
memory_cache_enabled = off
health_check_period = 0
sr_check_period = 0
failover_on_backend_error = off
pid_file_name = '{folder}/pgpool.pid'
logdir = '{folder}'
work_dir = '{folder}'
"""


def find_pgpool() -> Path:
    """Return the distribution's binary; raises ``SetupError`` where there is none."""
    candidates = [Path("/usr/sbin") / PROGRAM, *sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{PROGRAM}"))]
    if on_path := shutil.which(PROGRAM):
        candidates.insert(0, Path(on_path))
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    raise SetupError(
        "the scenario drives its load through pgpool-II, and none is installed",
        evidence="looked at " + ", ".join(map(str, candidates)),
        remedy="Install it (`apt-get install pgpool2`), or run without it: `--set pooler.kind=pgbouncer`.",
    )


def pgpool_version(binary: Path) -> str:
    """Return a version such as ``4.3.5``; raises ``SetupError`` for something that is no pgpool-II."""
    remedy = "Install pgpool-II (`apt-get install pgpool2`)."
    try:
        done = subprocess.run([binary, "--version"], capture_output=True, text=True, errors="replace", check=False)
    except OSError as error:
        raise SetupError(f"{binary} does not run: {error.strerror}", remedy=remedy) from None
    found = re.search(r"pgpool-II version ([\d.]+)", done.stdout + done.stderr)
    if found is None:
        raise SetupError(f"{binary} is no pgpool-II", evidence=(done.stdout + done.stderr).strip(), remedy=remedy)
    return found[1]


class Pgpool:
    """pgpool-II in front of one server, in a folder of its own. Nothing runs until it is started."""

    def __init__(self, server: Endpoint, folder: Path, account: Account) -> None:
        self.port = 0
        self.version = ""
        self.process: subprocess.Popen[bytes] | None = None
        self.log = folder / "pgpool.log"
        self._server = server
        self._folder = folder
        self._account = account

    @property
    def endpoint(self) -> Endpoint:
        """Where the load connects."""
        server = self._server
        return Endpoint(
            host="127.0.0.1", port=self.port, dbname=server.dbname, user=server.user, password=server.password
        )

    def start(self, clients: int) -> None:
        """Run a process for each of ``clients``, and wait until one answers; what ran before is stopped."""
        binary = find_pgpool()
        self.version = pgpool_version(binary)
        make_folder(self._folder, self._account)
        end_stray_pgpool(self._folder)
        self.stop()
        for _ in range(PORT_TRIES):
            self.port = free_port()
            self._write(clients + SPARE)
            write_private(self.log, "", self._account)
            self.process = spawn(
                [binary, "-n", "-D", *self._files()], self._account, self.log, dies_with_parent=signal.SIGINT
            )
            if self._answers():
                return
            self.stop()
            if "already in use" not in log_text(self.log):
                break
        raise SetupError(
            "pgpool-II did not start", evidence=last_lines(self.log), remedy=f"Read {self.log}; see `pgpool --help`."
        )

    def stop(self) -> None:
        """Stop it with all its processes: a pooler has nothing to save."""
        if self.process is None:
            return
        self.process.send_signal(signal.SIGINT)  # fast: it ends its clients' sessions
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(STOP_PATIENCE_S)
        _end_group(self.process.pid)
        self.process.wait()
        self.process = None

    def close(self) -> None:
        """Stop; for ``contextlib.closing``."""
        self.stop()

    def _files(self) -> list[str | Path]:
        folder = self._folder
        return ["-f", folder / "pgpool.conf", "-a", folder / "pool_hba.conf", "-F", folder / "pcp.conf"]

    def _write(self, children: int) -> None:
        server = self._server
        text = _CONFIGURATION.format(
            host=server.host,
            server_port=server.port,
            port=self.port,
            pcp_port=free_port(),
            folder=self._folder,
            children=children,
        )
        files = {
            "pgpool.conf": text,
            "pool_hba.conf": "host all all 127.0.0.1/32 scram-sha-256\n",
            # It must know the password to log in at the server: the protocol gives a go-between no other way.
            "pool_passwd": f"{server.user}:TEXT{server.password}\n",
            "pcp.conf": "",  # nobody may administer it
        }
        for name, content in files.items():
            write_private(self._folder / name, content, self._account)

    def _answers(self) -> bool:
        deadline = Deadline(START_DEADLINE_S)
        while self.process is not None and self.process.poll() is None:
            try:
                with connected(self.endpoint):
                    return True
            except SetupError:
                if deadline.passed():
                    return False
        return False


def end_stray_pgpool(folder: Path) -> bool:
    """End what a killed run left of the pgpool-II of this folder; tells whether there was any.

    Its processes outlive a killed parent, and their titles name no folder, but they stay in the parent's group.
    """
    pid_file = folder / "pgpool.pid"
    group = recorded_pid(pid_file)
    found = bool(group) and _end_group(group)
    pid_file.unlink(missing_ok=True)
    return found


def _end_group(group: int) -> bool:
    """End the processes of a group that are pgpool-II's; an id alone may belong to somebody else's by now."""
    ended = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, ProcessLookupError):
            if process.name() == PROGRAM and os.getpgid(process.pid) == group:
                process.kill()
                ended.append(process)
    psutil.wait_procs(ended, STOP_PATIENCE_S)
    return bool(ended)
