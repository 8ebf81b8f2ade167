"""Starting servers: as an unprivileged user, with enough file descriptors, and gone when we are gone.

util-linux does the three things between fork and exec (setpriv, prlimit), so that no Python runs there. The death
signal is bound to the thread that starts the process: servers are started from the main thread.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import resource
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from bench.model.errors import SetupError

if TYPE_CHECKING:
    from collections.abc import Sequence

ACCOUNTS = ("postgres", "nobody")
"""Whose rights servers run with when we are root, first one that exists."""


@dataclass(frozen=True, slots=True)
class Account:
    """The user that servers run as. ``switch`` tells whether we are root and have to change to it."""

    name: str
    uid: int
    gid: int
    switch: bool


def server_account() -> Account:
    """Return ourselves, or an unprivileged account where we are root: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        entry = pwd.getpwuid(os.geteuid())
        return Account(entry.pw_name, entry.pw_uid, entry.pw_gid, switch=False)
    for name in ACCOUNTS:
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return Account(entry.pw_name, entry.pw_uid, entry.pw_gid, switch=True)
    raise SetupError(
        "running as root, and there is no unprivileged account to run PostgreSQL with",
        evidence=f"looked for {' and '.join(ACCOUNTS)}",
        remedy="Create one (`useradd --system postgres`) or run as an ordinary user.",
    )


def can_reach(path: Path, account: Account) -> bool:
    """Tell whether the account may pass through every folder above ``path``."""
    if not account.switch:
        return True
    for folder in path.resolve().parents:
        status = folder.stat()
        allowed = status.st_mode & 0o001 or (status.st_uid == account.uid and status.st_mode & 0o100)
        if not allowed:
            return False
    return True


def _prefix(account: Account, *, dies_with_parent: signal.Signals | None, nofile: int | None) -> list[str]:
    command: list[str] = []
    if nofile:
        command += ["prlimit", f"--nofile={nofile}:{nofile}"]
    options = []
    if account.switch:
        options += [f"--reuid={account.uid}", f"--regid={account.gid}", "--clear-groups"]
    if dies_with_parent:
        options += [f"--pdeathsig={dies_with_parent.name.removeprefix('SIG')}"]
    return [*command, "setpriv", *options, "--"] if options else command


def descriptor_limit(wanted: int) -> int:
    """Return how many descriptors a server may have: ``wanted``, or the hard limit, which only root may raise."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return wanted if os.geteuid() == 0 or hard == resource.RLIM_INFINITY else min(wanted, hard)


def run_as(account: Account, command: Sequence[str | Path], *, stdin: str | None = None) -> str:
    """Run a command to its end and return what it printed; raises ``SetupError`` with its last words."""
    text = [str(part) for part in command]
    done = subprocess.run(
        [*_prefix(account, dies_with_parent=None, nofile=None), *text],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        env=server_environment(),
    )
    if done.returncode:
        raise SetupError(
            f"`{Path(text[0]).name}` failed with status {done.returncode}",
            evidence=" | ".join((done.stderr or done.stdout).strip().splitlines()[-4:]),
            remedy="`bench doctor` shows what this machine lacks.",
        )
    return done.stdout


def server_environment() -> dict[str, str]:
    """Return a small environment: no PG* variable of the user's may steer our servers."""
    return {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def spawn(
    command: Sequence[str | Path],
    account: Account,
    log: Path,
    *,
    dies_with_parent: signal.Signals | None,
    nofile: int | None = None,
) -> subprocess.Popen[bytes]:
    """Start a server in a session of its own; its output goes to ``log``."""
    for tool in ("setpriv", "prlimit"):
        if shutil.which(tool) is None:
            raise SetupError(f"`{tool}` is missing", remedy="Install util-linux (`apt-get install util-linux`).")
    with log.open("ab") as output:
        return subprocess.Popen(
            [*_prefix(account, dies_with_parent=dies_with_parent, nofile=nofile), *map(str, command)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd="/",
            env=server_environment(),
        )


def make_folder(path: Path, account: Account) -> Path:
    """Make a 0700 folder that belongs to the server's account."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.chmod(0o700)
        if account.switch:
            os.chown(path, account.uid, account.gid)
    except OSError as error:
        raise SetupError(
            f"cannot make the folder {path}: {error.strerror}",
            remedy="Choose a folder you may write to (`--state DIR`), or make room on the disk.",
        ) from None
    return path


def write_private(path: Path, text: str, account: Account) -> None:
    """Write a 0600 file that belongs to the server's account, never readable by others in between."""
    try:
        path.unlink(missing_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            if account.switch:
                os.fchown(file.fileno(), account.uid, account.gid)
            file.write(text)
    except OSError as error:
        raise SetupError(f"cannot write {path}: {error.strerror}", remedy="Check its folder and the disk.") from None


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on now; the caller retries if somebody takes it meanwhile."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def end_process(pid: int, signals: Sequence[signal.Signals], patience_s: float = 10.0) -> None:
    """Ask a process to stop, each signal after the last one's patience ran out."""
    try:
        process = psutil.Process(pid)
    except psutil.NoSuchProcess:
        return
    for number in (*signals, signal.SIGKILL):
        with contextlib.suppress(psutil.NoSuchProcess, psutil.TimeoutExpired):
            process.send_signal(number)
            process.wait(patience_s)
        if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
            return


def is_alive(pid: int, name: str) -> bool:
    """Tell whether a process of that name runs under the id; a zombie does not."""
    try:
        process = psutil.Process(pid)
        return process.name().startswith(name) and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def let_go(process: subprocess.Popen[bytes]) -> int:
    """Stop keeping a server that is to outlive us; returns its id."""
    process.returncode = 0  # else Popen warns at its end that the process still runs, which is what we want
    return process.pid


def last_lines(log: Path, count: int = 4) -> str:
    """Return the end of a log on one line, for an error's evidence."""
    with contextlib.suppress(OSError):
        return " | ".join(log.read_text(errors="replace").strip().splitlines()[-count:])
    return f"no log at {log}"


class Deadline:
    """Time left until something must have happened."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def passed(self) -> bool:
        """Tell whether the time is up; waits a moment if not."""
        if time.monotonic() > self._end:
            return True
        time.sleep(0.02)
        return False
