"""What `.bench/` remembers: secrets of the embedded servers, what runs detached, and who is using it now."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec

from bench.environment.account import ourselves, write_private
from bench.environment.process import can_reach
from bench.model.errors import SetupError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.environment.account import Account

OUTSIDE = Path("/var/tmp")  # noqa: S108 - below it we use a folder of our own, checked for its owner

OWNER = "state-folder"
"""In a folder outside, the file that names the state folder it belongs to."""

_Record = TypeVar("_Record", bound=msgspec.Struct)


class Secrets(msgspec.Struct, frozen=True):
    """Random passwords of one data folder, kept beside it in a 0600 file."""

    admin: str
    app: str
    console: str

    def __repr__(self) -> str:
        return "Secrets(…)"


class Detached(msgspec.Struct, frozen=True):
    """Servers that `bench up` left running."""

    pg_version: int
    bindir: str
    pg_port: int
    pg_pid: int
    pgbouncer: str
    pooler_port: int
    pooler_pid: int


def make_state_folder(root: Path) -> Path:
    """Make `.bench/`; raises ``SetupError`` where nothing may be written."""
    try:
        root.mkdir(mode=0o711, parents=True, exist_ok=True)  # the servers' account passes through
        probe = root / f".writable-{os.getpid()}"
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
    if can_reach(root, account):
        return root
    place = outside_place(root)
    try:
        with contextlib.suppress(FileExistsError):
            place.mkdir(mode=0o711)
        status = place.lstat()
        if place.is_symlink() or not place.is_dir() or status.st_uid != os.geteuid():
            raise SetupError(
                f"{place} belongs to somebody else",
                evidence=f"owner {status.st_uid}, we are {os.geteuid()}",
                remedy="Have it removed, or check out below a folder that others may enter.",
            )
        place.chmod(0o711)
        write_private(place / OWNER, str(root), ourselves())
    except OSError as error:
        raise SetupError(
            f"cannot use {place}: {error.strerror}", remedy="Check out below a folder that others may enter."
        ) from None
    if not can_reach(place, account):
        raise SetupError(
            f"{account.name}, whom the servers run as, can enter neither {root} nor {place}",
            remedy="Check out below a folder that others may enter, or run as an ordinary user.",
        )
    return place


def outside_place(root: Path) -> Path:
    """Return the folder outside that belongs to a state folder, whether it is there or not."""
    return OUTSIDE / f"poolbench-{os.geteuid()}-{hashlib.sha256(str(root).encode()).hexdigest()[:12]}"


def owner_of(place: Path) -> Path | None:
    """Return the state folder that a folder outside belongs to; None where it does not tell."""
    try:
        return Path((place / OWNER).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return None


def read_secrets(place: Path, name: str) -> Secrets:
    """Return the passwords of the data folder ``place/name``, made up at its first use."""
    path = place / f"{name}.secrets.json"
    known = _read(path, Secrets, f"Remove it and {place / name} and start afresh.")
    if known is not None:
        return known
    fresh = Secrets(secrets.token_urlsafe(24), secrets.token_urlsafe(24), secrets.token_urlsafe(24))
    write_private(path, msgspec.json.encode(fresh).decode(), ourselves())
    return fresh


def read_detached(root: Path) -> Detached | None:
    """Return what `bench up` left running, None if nothing is recorded."""
    path = root / "detached.json"
    return _read(path, Detached, f"End its servers by hand and remove {path}.")


def write_detached(root: Path, detached: Detached | None) -> None:
    """Record what runs, or that nothing does."""
    path = root / "detached.json"
    if detached is None:
        path.unlink(missing_ok=True)
    else:
        write_private(path, msgspec.json.encode(detached).decode(), ourselves())


def _read(path: Path, kind: type[_Record], remedy: str) -> _Record | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        raise SetupError(f"{path} is damaged: {error}", remedy=remedy) from None
    except OSError as error:
        raise _unusable(path, error) from None


def _unusable(path: Path, error: OSError) -> SetupError:
    owner = ""
    with contextlib.suppress(OSError):
        owner = f"it belongs to user {path.stat().st_uid}, we are {os.geteuid()}"
    return SetupError(
        f"cannot open {path}: {error.strerror}",
        evidence=owner,
        remedy="Run as its owner, remove the state folder with their rights, or use another with `--state DIR`.",
    )


@contextlib.contextmanager
def exclusive_use(root: Path) -> Iterator[None]:
    """Hold `.bench/` for one command: two runs at once would measure each other."""
    make_state_folder(root)
    try:
        descriptor = os.open(root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _unusable(root / "lock", error) from None
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
