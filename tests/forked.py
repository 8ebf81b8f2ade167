"""``bench`` as a process of its own that need not import everything first: forked from a server that already did.

Exit code, standard output and error, folder and environment are those of a real process; only the imports, most of the
time of a command that refuses its input, happen once for a whole test session. What is about starting, about signals,
or about arguments that others can see starts ``python -m bench`` instead.
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from bench.cli import main

if TYPE_CHECKING:
    from collections.abc import Mapping

PATIENCE_S = 300
_SERVER = multiprocessing.get_context("forkserver")
# Not the swarm: it patches the standard library and has to come first.
_SERVER.set_forkserver_preload(["bench.cli.run", "bench.cli.schema", "bench.cli.config", "scipy.stats", "asyncpg"])


def run_forked(*arguments: str, cwd: Path, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a command to its end in this folder and with this environment."""
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        process = _SERVER.Process(target=_become, args=(arguments, str(cwd), dict(env), str(out), str(err)))
        process.start()
        process.join(PATIENCE_S)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired(["bench", *arguments], PATIENCE_S)
        return subprocess.CompletedProcess(
            ["bench", *arguments], process.exitcode, out.read_text("utf-8"), err.read_text("utf-8")
        )


def _become(arguments: tuple[str, ...], cwd: str, env: dict[str, str], out: str, err: str) -> NoReturn:
    for path, descriptor in ((out, 1), (err, 2)):
        opened = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
        os.dup2(opened, descriptor)
        os.close(opened)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    sys.argv = ["bench", *arguments]
    main()
    raise AssertionError("the command line always ends by exiting")
