"""Which pgBouncer to run, and what its version can do."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from bench.environment.process import can_reach
from bench.model.errors import SetupError

if TYPE_CHECKING:
    from bench.environment.account import Account

TRACKS_STATEMENTS = (1, 21)
HAS_PEERS = (1, 19)


def version_of(binary: Path) -> tuple[int, int]:
    """Return (major, minor); raises ``SetupError`` for something that is no pgBouncer."""
    remedy = "Name a pgBouncer binary with `--pgbouncer`, or run `make setup`."
    try:
        done = subprocess.run([binary, "--version"], capture_output=True, text=True, errors="replace", check=True)
    except subprocess.CalledProcessError as error:
        problem, words = f"{binary} does not run: status {error.returncode}", (error.stderr or "").strip()
        raise SetupError(problem, evidence=words, remedy=remedy) from None
    except OSError as error:
        raise SetupError(f"{binary} does not run: {error.strerror}", remedy=remedy) from None
    found = re.search(r"PgBouncer (\d+)\.(\d+)", done.stdout)
    if found is None:
        raise SetupError(f"{binary} is no pgBouncer", evidence=done.stdout.strip(), remedy=remedy)
    return int(found[1]), int(found[2])


def find_pgbouncer(explicit: Path | None, state: Path) -> Path:
    """Return the binary to use: the one named, the built one, the system's. An old one is used last, with a caveat."""
    if explicit is not None:
        version_of(explicit)
        return explicit.absolute()
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


def require_peers(version: tuple[int, int]) -> None:
    """Refuse a pgBouncer of which several processes on one port would lose requests to cancel."""
    if version < HAS_PEERS:
        raise SetupError(
            f"pgBouncer {'.'.join(map(str, version))} cannot run in several processes on one port",
            evidence="a request to cancel reaches the right process only from version 1.19 on",
            remedy="Run `make setup`, which provides a newer one, or use `pooler.processes = 1`.",
        )


def reachable_binary(binary: Path, folder: Path, account: Account) -> Path:
    """Return the binary, or a copy in ``folder`` where the account cannot reach it."""
    if can_reach(binary, account):
        return binary
    copy, unfinished = folder / "pgbouncer", folder / "pgbouncer.new"
    try:
        unfinished.unlink(missing_ok=True)
        shutil.copy(binary, unfinished)
        unfinished.chmod(0o755)
        unfinished.replace(copy)
    except OSError as error:
        problem = f"cannot copy {binary} to {copy}: {error.strerror}"
        raise SetupError(problem, remedy="Make room on the disk.") from None
    return copy
