"""Starting servers: as an unprivileged user, with enough file descriptors, and gone when we are gone.

util-linux does the three things between fork and exec (setpriv, prlimit), so that no Python runs there.
"""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from bench.model.errors import SetupError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.environment.account import Account

TOOLS = ("setpriv", "prlimit")


def missing_tools() -> list[str]:
    """Return which of the tools that start servers are not installed."""
    return [tool for tool in TOOLS if shutil.which(tool) is None]


def _require_tools() -> None:
    if missing := missing_tools():
        raise SetupError(f"`{missing[0]}` is missing", remedy="Install util-linux (`apt-get install util-linux`).")


def _prefix(account: Account, *, dies_with_parent: signal.Signals | None, nofile: int | None) -> list[str]:
    _require_tools()
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
    """Return how many descriptors a server may have: ``wanted``, or the hard limit where we may not raise it.

    Being root is not enough to raise it: a container's root may lack the capability, so it is tried.
    """
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard == resource.RLIM_INFINITY or hard >= wanted:
        return wanted
    _require_tools()
    if os.geteuid() == 0:
        attempt = ["prlimit", f"--nofile={wanted}:{wanted}", "true"]
        if subprocess.run(attempt, capture_output=True, check=False).returncode == 0:
            return wanted
    return hard


def server_environment() -> dict[str, str]:
    """Return a small environment: no PG* variable of the user's may steer our servers."""
    return {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def _attempt(
    account: Account, command: Sequence[str | Path], stdin: str | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*_prefix(account, dies_with_parent=signal.SIGKILL, nofile=None), *map(str, command)],
        input=stdin,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        cwd="/",
        env=server_environment(),
    )


def can_reach(path: Path, account: Account) -> bool:
    """Tell whether the account may enter a folder, or run a file: asked of the kernel, as groups and mounts count."""
    return not account.switch or _attempt(account, ["test", "-x", path]).returncode == 0


def run_as(account: Account, command: Sequence[str | Path]) -> str:
    """Run a command to its end and return what it printed; raises ``SetupError`` with its last words."""
    name = Path(command[0]).name
    try:
        done = _attempt(account, command)
    except OSError as error:
        raise SetupError(f"`{name}` does not run: {error}", remedy="`bench doctor` shows what is missing.") from None
    if done.returncode:
        raise SetupError(
            f"`{name}` failed with status {done.returncode}",
            evidence=" | ".join((done.stderr or done.stdout).strip().splitlines()[-4:]),
            remedy="`bench doctor` shows what this machine lacks.",
        )
    return done.stdout


def spawn(
    command: Sequence[str | Path],
    account: Account,
    log: Path,
    *,
    dies_with_parent: signal.Signals | None,
    nofile: int | None = None,
) -> subprocess.Popen[bytes]:
    """Start a server in a session of its own; its output goes to ``log``."""
    if dies_with_parent and threading.current_thread() is not threading.main_thread():
        raise RuntimeError("the death signal comes when the starting thread ends: start servers from the main thread")
    prefix = _prefix(account, dies_with_parent=dies_with_parent, nofile=nofile)
    try:
        # O_NOFOLLOW: the folder may belong to the account, which must not choose where root writes
        descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "ab") as output:
            return subprocess.Popen(
                [*prefix, *map(str, command)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                cwd="/",
                env=server_environment(),
            )
    except OSError as error:
        raise SetupError(
            f"cannot start {command[0]}: {error}", remedy=f"Check the binary and the folder {log.parent}."
        ) from None


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on now; the caller retries if somebody takes it meanwhile."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def runs_with(pid: int, mark: Path) -> bool:
    """Tell whether the process runs and names ``mark`` in its command line.

    An id alone says nothing: after a crash or a reboot it may belong to somebody else's server.
    """
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and str(mark) in process.cmdline()
    except (psutil.Error, ValueError):  # gone, hidden from us, or no id at all
        return False


def processes_called(*arguments: str) -> list[int]:
    """Return the ids of all processes whose command line ends with these arguments."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if tuple(process.cmdline()[-len(arguments) :]) == arguments:
                found.append(process.pid)
    return found


def recorded_pid(file: Path) -> int:
    """Return the process id in the first line of a server's own file, 0 where there is none."""
    try:
        return int(file.read_text(errors="replace").replace("\0", " ").split()[0])  # pgpool-II ends it with a NUL
    except (OSError, ValueError, IndexError):
        return 0


def end_process(pid: int, signals: Sequence[signal.Signals], patience_s: float = 10.0) -> None:
    """Ask a process to stop, each signal after the last one's patience ran out, SIGKILL at the end."""
    try:
        process = psutil.Process(pid)
        for number in (*signals, signal.SIGKILL):
            with contextlib.suppress(psutil.TimeoutExpired):
                process.send_signal(number)
                process.wait(patience_s)
            if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
                return
    except psutil.NoSuchProcess:
        return
    except psutil.AccessDenied:
        raise SetupError(
            f"process {pid} is not ours to stop",
            remedy="Run as the user that started it, or use another folder with `--state DIR`.",
        ) from None
    raise SetupError(
        f"process {pid} does not end", remedy=f"See what it waits for: `cat /proc/{pid}/stack` and the kernel's log."
    )


def let_go(process: subprocess.Popen[bytes]) -> int:
    """Stop keeping a server that is to outlive us; returns its id."""
    process.returncode = 0  # else Popen warns at its end that the process still runs, which is what we want
    return process.pid


def log_text(log: Path) -> str:
    """Return what a server logged, empty where it did not get that far."""
    try:
        return log.read_text(errors="replace")
    except OSError:
        return ""


def last_lines(log: Path, count: int = 4) -> str:
    """Return the end of a log on one line, for an error's evidence."""
    return " | ".join(log_text(log).strip().splitlines()[-count:]) or f"nothing in {log}"


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
