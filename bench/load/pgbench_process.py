"""The pgbench program: how it is called, when it has connected, how it is ended, what it complains about."""

from __future__ import annotations

import contextlib
import errno
import re
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from bench.load.workers import START_DEADLINE_S, clean_environment
from bench.model.errors import ScenarioError, SetupError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.model.endpoint import Endpoint

_POLL_S = 0.02


def version_of(binary: Path) -> str:
    """Return pgbench's version, such as ``18.0``; raises ``SetupError`` for something that is no pgbench."""
    try:
        told = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise SetupError(f"{binary} does not run: {error}", remedy="Name a folder with pgbench (`--pg-bin`).") from None
    found = re.search(r"pgbench \(PostgreSQL\) (\d+(?:\.\d+)?)", told)
    if found is None:
        raise SetupError(f"{binary} is no pgbench", evidence=told.strip(), remedy="Name a folder with pgbench.")
    return found[1]


def epoch_offset_ns() -> int:
    """Return how far the epoch's clock is ahead of the monotonic one, by the quickest of several pairs of readings."""
    readings = []
    for _ in range(9):
        before = time.monotonic_ns()
        epoch = time.time_ns()
        after = time.monotonic_ns()
        readings.append((after - before, epoch - (before + after) // 2))
    return min(readings)[1]


@dataclass(frozen=True, slots=True)
class Usage:
    """What the process had used at one instant of the monotonic clock."""

    t_s: float
    cpu_s: float
    rss_bytes: int


class PgbenchProcess:
    """One running pgbench that keeps its logs in ``place``. It does not outlive us, however we end."""

    def __init__(self, command: Sequence[str], endpoint: Endpoint, place: Path) -> None:
        self._place = place
        self.epoch_offset_ns = epoch_offset_ns()
        """pgbench stamps its log by the monotonic clock, which it sets to the epoch once, when it starts."""
        with (place / "errors").open("wb") as errors:
            try:
                self._process = subprocess.Popen(
                    # setpriv becomes pgbench; the death signal is bound to the thread that starts it: the main one
                    ["setpriv", "--pdeathsig", "KILL", "--", *command],
                    env=_environment(endpoint, place),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=errors,
                    start_new_session=True,
                )
            except FileNotFoundError:
                raise SetupError(
                    "`setpriv` is missing", remedy="Install util-linux (`apt-get install util-linux`)."
                ) from None
            except OSError as error:
                if error.errno != errno.E2BIG:
                    raise
                raise ScenarioError(
                    "the arguments are too long for the `pgbench` driver",
                    evidence="they are given on its command line",
                    remedy="Use another driver for this scenario.",
                ) from None

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def wait_connected(self, connections: int) -> None:
        """Wait until pgbench has begun to open its last connection; raises ``SetupError`` if it cannot."""
        deadline_s = time.monotonic() + START_DEADLINE_S
        while self._sockets() < connections:
            self.check_alive()
            if time.monotonic() > deadline_s:
                raise SetupError(
                    f"pgbench did not open its {connections} connections within {START_DEADLINE_S:g} s",
                    remedy="Look for a frozen server or pooler; `bench doctor` shows what runs.",
                )
            time.sleep(_POLL_S)

    def _sockets(self) -> int:
        found = 0
        with contextlib.suppress(OSError):
            for link in Path(f"/proc/{self.pid}/fd").iterdir():
                with contextlib.suppress(OSError):
                    found += str(link.readlink()).startswith("socket:")
        return found

    def watch_until(self, instant_ns: int) -> None:
        """Wait for an instant of the monotonic clock; raises ``SetupError`` at once if pgbench ends before it."""
        while (left_ns := instant_ns - time.monotonic_ns()) > 0:
            self.check_alive()
            self.ends_within(left_ns / 1e9)

    def check_alive(self) -> None:
        """Raise ``SetupError`` if pgbench has ended, with its own first words."""
        code = self._process.poll()
        if code is None:
            return
        # only the first line of each: details hold rows of the database
        said = [line for line in self.errors().splitlines() if line.startswith(("pgbench: error:", "setpriv:"))]
        raise SetupError(
            f"pgbench ended before the trial did, with status {code}",
            evidence=" | ".join(said[:2]),
            remedy="Correct the statement it names, or check that server and pooler run and allow so many connections.",
        )

    def usage(self) -> Usage | None:
        """Return what the process has used so far; None once it is gone."""
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(self.pid)
            times = process.cpu_times()
            return Usage(time.monotonic(), times.user + times.system, process.memory_info().rss)
        return None

    def stop(self) -> None:
        """End the load: SIGALRM is how pgbench's own ``--time`` ends it, each client after its transaction."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGALRM)

    def ends_within(self, seconds: float) -> bool:
        """Wait for the end at most so long; tells whether it came."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def kill(self) -> None:
        """End the process at once, if it runs."""
        self._process.kill()
        self._process.wait()

    def errors(self) -> str:
        """Return what pgbench complained about so far."""
        return (self._place / "errors").read_text(errors="replace")

    def logs(self) -> list[str]:
        """Return the transaction logs, one a thread."""
        return [log.read_text() for log in sorted(self._place.glob("log.*"))]


def _environment(endpoint: Endpoint, place: Path) -> dict[str, str]:
    """Return the address; the password is in a file that only we can read."""
    secret = re.sub(r"([:\\])", r"\\\1", endpoint.password)
    passwords = place / "pgpass"
    passwords.touch(mode=0o600)
    passwords.write_text(f"*:*:*:*:{secret}\n")
    return {
        **clean_environment(),
        "LC_ALL": "C",  # its complaints are read
        "PGHOST": endpoint.host,
        "PGPORT": str(endpoint.port),
        "PGDATABASE": endpoint.dbname,
        "PGUSER": endpoint.user,
        "PGPASSFILE": str(passwords),
        **{f"PG{name.upper().replace('_', '')}": value for name, value in endpoint.tls},
        **({"PGOPTIONS": endpoint.options} if endpoint.session else {}),
    }
