"""No secret is in anything that is written, printed, or shown to others."""

from __future__ import annotations

import contextlib
import os
import stat
import subprocess
import sys
import threading
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import psutil
import pytest
from click.testing import CliRunner

from bench.cli import cli
from bench.cli.repeat import repeatable
from bench.environment.connection import connected
from bench.model.errors import BenchError

if TYPE_CHECKING:
    from bench.environment.embedded import Environment

SCENARIO = """
name = "plus"
load = { model = "closed", clients = 2 }
pool = { size = 2, workers = 1 }
run = { warmup = "100ms", window = "300ms", replicates = 1 }
[[operation]]
name = "plus"
sql = "SELECT $1::int + 1"
parameters = [{ kind = "uniform", name = "n", low = 1, high = 5 }]
"""
CANARY = "c4nary%of&the=variable"


@dataclass
class Watch:
    """What others could see of a command while it ran, and what it printed."""

    seen: set[bytes] = field(default_factory=set)
    printed: str = ""

    def look(self, process: psutil.Process) -> None:
        """Read the arguments of all children.

        The command's own were typed by the user; a child shows them as well between its fork and its exec.
        """
        with contextlib.suppress(psutil.Error, OSError):
            typed = _arguments(process)
            for child in process.children(recursive=True):
                with contextlib.suppress(psutil.Error, OSError):
                    self.seen |= {_arguments(child)} - {typed}


def _arguments(process: psutil.Process) -> bytes:
    return Path(f"/proc/{process.pid}/cmdline").read_bytes()


def _bench(watch: Watch, folder: Path, *arguments: str) -> int:
    """Run a command in a folder, watched closely."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bench", *arguments],
        cwd=folder,
        env={**os.environ, "PGPASSWORD": CANARY},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    ended = threading.Event()

    def keep_looking() -> None:
        known = psutil.Process(process.pid)
        while not ended.wait(0.05):
            watch.look(known)

    looking = threading.Thread(target=keep_looking)
    looking.start()
    watch.printed += process.communicate(timeout=300)[0]
    ended.set()
    looking.join()
    return process.returncode


def _secrets(environment: Environment) -> set[str]:
    return {CANARY, environment.app_password, environment.admin.password, environment.pooler.console.password}


@pytest.mark.pg
def test_no_secret_is_in_anything_written_printed_or_shown_to_others(environment: Environment, tmp_path: Path) -> None:
    (tmp_path / "plus.toml").write_text(SCENARIO)
    watch = Watch()
    direct, pooled, console = environment.app, environment.pooled, environment.pooler.console
    everything = ("--dsn", direct.dsn(), "--pooler-dsn", pooled.dsn(), f"--pooler-admin-dsn={console.dsn()}")
    assert _bench(watch, tmp_path, "run", "plus.toml", *everything, "--json", "--warn-only") == 0
    wrong = msgspec.structs.replace(direct, password=f"wrong {CANARY}").dsn()
    nowhere = msgspec.structs.replace(direct, port=1).dsn()
    unreadable = f"postgres//app:{environment.app_password}@127.0.0.1"
    for dsn in (wrong, nowhere, unreadable, f"host=a password='{CANARY} x"):
        refused = CliRunner().invoke(cli, ["run", str(tmp_path / "plus.toml"), "--dsn", dsn], standalone_mode=False)
        assert isinstance(refused.exception, BenchError)
        watch.printed += refused.output + "".join(traceback.format_exception(refused.exception))
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    logs = [environment.postgres.log, environment.pooler.log]
    places = {str(path): path.read_bytes() for path in (*files, *logs)}
    places |= {"arguments": b"\n".join(watch.seen), "output": watch.printed.encode()}
    assert b"bench.load.worker" in places["arguments"], "children were seen"
    assert len(files) > 10
    leaks = [
        (name, place) for name, text in places.items() for place in _secrets(environment) if place.encode() in text
    ]
    assert not leaks
    open_to_others = [path for path in (tmp_path / "results").rglob("*") if path.stat().st_mode & 0o077]
    assert not open_to_others


@pytest.mark.pg
def test_what_holds_secrets_is_closed_to_others(environment: Environment) -> None:
    place = environment.postgres.data.parents[1]
    holding = [path for path in place.rglob("*") if path.is_file() and path.stat().st_size < 1_000_000]
    secrets = [secret.encode() for secret in _secrets(environment)]
    found = [path for path in holding if any(secret in path.read_bytes() for secret in secrets)]
    assert {path.name for path in found} >= {"userlist.txt"}
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in found)
    hba = (environment.postgres.data / "pg_hba.conf").read_text()
    rules = [line.split() for line in hba.splitlines() if line and not line.startswith("#")]
    assert rules
    assert all(rule[-1] == "scram-sha-256" for rule in rules)
    with connected(environment.admin) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("127.0.0.1",)


@pytest.mark.parametrize(
    "argument",
    ["--against=postgresql://u:pw@h/d", "postgres://u:pw@h/d", "host=h password=pw", "postgresql://h/d?password=pw"],
)
def test_a_password_is_kept_out_of_the_command_that_is_stored(argument: str) -> None:
    assert "pw" not in " ".join(repeatable(["bench", "gate", "plus.toml", "--against", argument]))
    assert repeatable(["bench", "run", "plus.toml", "--set", "pool.size=2"])[1:] == (
        "run",
        "plus.toml",
        "--set",
        "pool.size=2",
    )
