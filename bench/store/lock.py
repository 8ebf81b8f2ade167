"""One writer per run folder. The kernel drops the lock when its holder dies, however it dies."""

from __future__ import annotations

import fcntl
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from bench.model.errors import StoreError
from bench.store.disk import FILE_MODE, writing

if TYPE_CHECKING:
    from pathlib import Path

FILE: Final = "writer.lock"


def is_held(folder: Path) -> bool:
    """Tell whether a live process of this machine writes this folder."""
    try:
        descriptor = os.open(folder / FILE, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # nothing that can be locked
        return False
    finally:
        os.close(descriptor)
    return False


class Lock:
    """Holds a run folder for writing from construction to ``release``; raises ``StoreError`` that names the holder."""

    def __init__(self, folder: Path) -> None:
        path = folder / FILE
        with writing(path):
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)
            try:
                self._take(folder)
                self._check_same(folder, path)
                os.ftruncate(self._descriptor, 0)
                os.pwrite(self._descriptor, f"process {os.getpid()} since {datetime.now(UTC):%FT%TZ}".encode(), 0)
            except BaseException:
                self.release()
                raise

    def _take(self, folder: Path) -> None:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._descriptor, 200, 0).decode(errors="replace").strip()
            raise StoreError(
                f"{folder} is being written already",
                evidence=f"by {holder or 'a process that has not signed yet'}",
                remedy="Wait until it ends, or end it, then try again.",
            ) from None

    def _check_same(self, folder: Path, path: Path) -> None:
        """Between our opening the file and locking it its holder may have finished the run under another name."""
        if not path.exists() or not os.path.samestat(path.stat(), os.fstat(self._descriptor)):
            raise StoreError(
                f"{folder} was finished by another process just now",
                remedy="Name the finished run, without `.partial`.",
            )

    def release(self) -> None:
        """Let others write. Harmless when called twice."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
