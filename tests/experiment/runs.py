"""The command line run against a real server, with a scenario that is over in seconds."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from bench.environment.embedded import Environment

SCENARIO = """
name = "plus"
budgets = ["p95(response_time) < 2s"]
load = { model = "closed", clients = 4 }
pooler = { kind = "none" }
run = { warmup = "100ms", window = "300ms", replicates = 2 }
sweep = { "pool.size" = [1, 2] }
[[operation]]
name = "plus"
sql = "SELECT $1::int + 1"
parameters = [{ kind = "uniform", name = "n", low = 1, high = 5 }]
"""


class Bench:
    """``bench`` in a folder of its own, attached to one server."""

    def __init__(self, folder: Path, environment: Environment) -> None:
        self.folder = folder
        self.results = folder / "results"
        self._environment = environment
        (folder / "plus.toml").write_text(SCENARIO)

    def _command(self, *arguments: str) -> tuple[list[str], dict[str, Any]]:
        # Without the password in it, so that the resume command can be printed whole.
        endpoint = self._environment.app
        dsn = f"host={endpoint.host} port={endpoint.port} dbname={endpoint.dbname} user={endpoint.user}"
        command = [sys.executable, "-m", "bench", *arguments, *(["--dsn", dsn] if "--dsn" not in arguments else [])]
        variables = {**os.environ, "NO_COLOR": "1", "PGPASSWORD": endpoint.password}
        return command, {"cwd": self.folder, "env": variables, "text": True}

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run to the end."""
        command, options = self._command(*arguments)
        return subprocess.run(command, capture_output=True, timeout=300, check=False, **options)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Begin, with standard error to be read line by line."""
        command, options = self._command(*arguments)
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, **options)

    def unfinished(self) -> Path:
        """Return the only unfinished run."""
        (folder,) = self.results.glob("*.partial")
        return folder

    def finished(self) -> Path:
        """Return the only finished run."""
        (folder,) = (path for path in self.results.iterdir() if path.suffix != ".partial")
        return folder


def read_until(stream: IO[str] | None, pattern: str) -> str:
    """Read lines until one fits; fails with all of them if the stream ends before."""
    assert stream is not None
    read: list[str] = []
    for line in stream:
        read.append(line)
        if re.search(pattern, line):
            return line
    raise AssertionError("".join(read))


def load(path: Path) -> Any:
    """Return the JSON in a file."""
    return json.loads(path.read_text())


def edit(path: Path, **changes: Any) -> None:
    """Change fields of the JSON in a file."""
    path.write_text(json.dumps({**load(path), **changes}))
