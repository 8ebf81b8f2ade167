"""What `.bench/` remembers: secrets of the embedded servers, what runs detached, and who is using it now."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from bench.environment.process import Account, can_reach, write_private
from bench.model.errors import SetupError

if TYPE_CHECKING:
    from collections.abc import Iterator

OUTSIDE = Path("/var/tmp")  # noqa: S108 - below it we use a folder of our own, 0700, checked for its owner
_OURSELVES = Account("", 0, 0, switch=False)


class Secrets(msgspec.Struct, frozen=True):
    """Random passwords of one data folder, kept beside it in a 0600 file."""

    admin: str
    app: str
    console: str


class Detached(msgspec.Struct, frozen=True):
    """Servers that `bench up` left running."""

    pg_version: int
    bindir: str
    pg_port: int
    pg_pid: int
    pgbouncer: str
    pooler_port: int
    pooler_pid: int
    mode: str
    pool_size: int
    max_prepared_statements: int


def make_state_folder(root: Path) -> Path:
    """Make `.bench/`; raises ``SetupError`` where nothing may be written."""
    try:
        root.mkdir(mode=0o711, parents=True, exist_ok=True)  # the servers' account passes through
        probe = root / ".writable"
        probe.write_text("")
        probe.unlink()
    except OSError as error:
        raise SetupError(
            f"cannot write in {root}: {error.strerror}",
            remedy="Choose a folder you may write to with `--state DIR`, or mend its permissions.",
        ) from None
    return root.resolve()


def server_place(root: Path, account: Account) -> Path:
    """Return where servers keep their data: `.bench/` itself, or a folder outside that their account can reach."""
    if can_reach(root / "x", account):
        return root
    digest = hashlib.sha256(str(root).encode()).hexdigest()[:12]
    place = OUTSIDE / f"poolbench-{os.getuid()}-{digest}"
    with contextlib.suppress(FileExistsError):
        place.mkdir(mode=0o711)
    status = place.lstat()
    if place.is_symlink() or status.st_uid != os.getuid():
        raise SetupError(
            f"{place} belongs to somebody else", remedy="Remove it, or check out below a folder that others may enter."
        )
    place.chmod(0o711)
    return place


def read_secrets(root: Path, name: str) -> Secrets:
    """Return the passwords of a data folder, made up at its first use."""
    path = root / f"{name}.secrets.json"
    if path.is_file():
        try:
            return msgspec.json.decode(path.read_bytes(), type=Secrets)
        except msgspec.DecodeError as error:
            raise SetupError(f"{path} is damaged: {error}", remedy=f"Remove {root} and start afresh.") from None
    fresh = Secrets(secrets.token_urlsafe(24), secrets.token_urlsafe(24), secrets.token_urlsafe(24))
    write_private(path, msgspec.json.encode(fresh).decode(), _OURSELVES)
    return fresh


def read_detached(root: Path) -> Detached | None:
    """Return what `bench up` left running, None if nothing is recorded."""
    path = root / "detached.json"
    if not path.is_file():
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=Detached)
    except msgspec.DecodeError as error:
        raise SetupError(f"{path} is damaged: {error}", remedy="Run `bench down`, which removes it.") from None


def write_detached(root: Path, detached: Detached | None) -> None:
    """Record what runs, or that nothing does."""
    path = root / "detached.json"
    if detached is None:
        path.unlink(missing_ok=True)
    else:
        write_private(path, msgspec.json.encode(detached).decode(), _OURSELVES)


@contextlib.contextmanager
def exclusive_use(root: Path) -> Iterator[None]:
    """Hold `.bench/` for one command: two runs at once would measure each other."""
    make_state_folder(root)
    descriptor = os.open(root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 64, 0).decode().strip() or "another process"
            raise SetupError(
                f"the embedded environment in {root} is in use",
                evidence=f"held by process {holder}",
                remedy="Wait for it, stop it, or use another folder with `--state DIR`.",
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(descriptor)
