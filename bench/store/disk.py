"""How bytes reach the disk: private, flushed, whole or not at all. An ``OSError`` becomes a ``StoreError`` here."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
from typing import TYPE_CHECKING, Final

from bench.model.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

FOLDER_MODE: Final = 0o700
FILE_MODE: Final = 0o600

_NO_SPACE: Final = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NOT_ALLOWED: Final = {errno.EACCES, errno.EPERM, errno.EROFS}
_IN_THE_WAY: Final = {errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR, errno.EISDIR, errno.ELOOP}


def _refusal(verb: str, path: Path, error: OSError) -> StoreError:
    match error.errno:
        case code if code in _NO_SPACE:
            remedy = "Make room there (or raise the limit), or choose another folder for results."
        case code if code in _NOT_ALLOWED:
            remedy = "Give this user permission there, or choose another folder for results."
        case code if code in _IN_THE_WAY:
            remedy = "Move aside what is in the way, or choose another folder for results."
        case errno.ENOENT:
            remedy = "Check the path for a typing error; something may have removed the folder."
        case _:
            remedy = "Check the disk and the path, or choose another folder for results."
    name = errno.errorcode.get(error.errno or 0, type(error).__name__)
    return StoreError(f"cannot {verb} {path}", evidence=f"{error.strerror or error} ({name})", remedy=remedy)


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn an ``OSError`` into a ``StoreError`` that names ``path``, the cause and the cure."""
    try:
        yield
    except OSError as error:
        raise _refusal("write", path, error) from None


@contextlib.contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn an ``OSError`` into a ``StoreError`` that names ``path``, the cause and the cure."""
    try:
        yield
    except OSError as error:
        raise _refusal("read", path, error) from None


def damaged(path: Path, evidence: str) -> StoreError:
    """Return the error for a file that does not hold what it should."""
    return StoreError(
        f"{path} is damaged",
        evidence=evidence,
        remedy="Restore the file from a copy, or remove its folder and run again.",
    )


def read_file(path: Path) -> bytes:
    """Return a whole file; raises ``StoreError``, also for a link, which may lead anywhere, and for what is no file."""
    with reading(path):
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise damaged(path, "it is a pipe, a socket or a device")
            return file.read()


def read_text(path: Path) -> str:
    """Return a UTF-8 file as it stands, line ends included; raises ``StoreError``."""
    try:
        return read_file(path).decode()
    except UnicodeDecodeError as error:
        raise damaged(path, f"not UTF-8: {error.reason} at byte {error.start}") from None


def make_folder(path: Path) -> None:
    """Make one new folder that only this user can enter. Raises ``OSError``."""
    path.mkdir(mode=FOLDER_MODE)
    path.chmod(FOLDER_MODE)  # a stricter umask must not lock us out


def sync_folder(path: Path) -> None:
    """Flush the names in a folder: a rename survives a power cut only after this. Raises ``OSError``."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_flushed(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, FILE_MODE)
        file.write(data)
        file.flush()
        os.fsync(descriptor)


def replace_file(path: Path, data: bytes) -> None:
    """Write a file so that a reader sees the old content or the new, never a part; raises ``StoreError``."""
    half = path.with_name(f".{path.name}.{os.getpid()}")
    with writing(path):
        half.unlink(missing_ok=True)
        try:
            _write_flushed(half, data)
            half.replace(path)
        except OSError:
            with contextlib.suppress(OSError):
                half.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)


def place_folder(half: Path, final: Path, files: Mapping[str, bytes], *, replace: bool) -> None:
    """Build a folder of files as ``half`` and rename it to ``final``; raises ``StoreError``.

    With ``replace`` an older ``final`` is removed just before; without it an older one is in the way.
    """
    with writing(final):
        try:
            make_folder(half)
            for name, data in files.items():
                _write_flushed(half / name, data)
            sync_folder(half)
            if replace:
                shutil.rmtree(final)
            half.rename(final)
            sync_folder(final.parent)
        except OSError:
            shutil.rmtree(half, ignore_errors=True)
            raise
