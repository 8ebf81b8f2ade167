"""A process of its own that holds an embedded environment, so that tests can end it in every way."""

from __future__ import annotations

import contextlib
import functools
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.environment.embedded import Where

CHECKOUT = Path(__file__).resolve().parents[2]

HOLD = """
import sys, time
from pathlib import Path
from bench.environment.embedded import Where, session
with session(Where(*map(Path, sys.argv[1:]))) as running:
    print(running.postgres.process.pid, running.pooler.process.pid, flush=True)
    time.sleep(600)
"""


def _variables() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(CHECKOUT)}


@functools.cache
def as_ordinary_user() -> tuple[str, ...]:
    """Return what to put before a command so that no root runs it: nothing, where we are none."""
    if os.geteuid() != 0:
        return ()
    ordinary: tuple[str, ...] = ("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups")
    imports = [*ordinary, "--", sys.executable, "-c", "import bench.environment.embedded"]
    if subprocess.run(imports, check=False, capture_output=True, cwd="/", env=_variables()).returncode:
        # a checkout or a Python below root's home: reading is all that is lent
        ordinary += ("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search")
    return (*ordinary, "--")


def run_ordinary(code: str, *arguments: object, nofile: int | None = None) -> subprocess.CompletedProcess[str]:
    """Run Python code as an ordinary user, with a hard limit on open files where one is given."""
    limit = ["prlimit", f"--nofile={nofile}:{nofile}"] if nofile else []
    command = [*limit, *as_ordinary_user(), sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd="/", env=_variables())


@contextlib.contextmanager
def held(where: Where, prefix: tuple[str, ...] = ()) -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
    """Let another process hold the environment; yields it and the ids of server and pooler."""
    arguments = [str(part) for part in (where.state_root, where.pg_bin, where.pgbouncer) if part]
    command = [*prefix, sys.executable, "-c", HOLD, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd="/", env=_variables()) as parent:
        try:
            assert parent.stdout
            line = parent.stdout.readline()
            assert line, "the environment did not start"
            yield parent, [int(pid) for pid in line.split()]
        finally:
            parent.kill()


def all_gone(pids: list[int], seconds: float = 20) -> bool:
    """Tell whether the processes end."""
    _gone, alive = psutil.wait_procs([psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)], timeout=seconds)
    return not alive
