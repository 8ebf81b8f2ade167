"""What a tuning has applied and not yet taken back, on disk beforehand: after a crash the next start finds it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import msgspec

from bench.environment.account import ourselves, write_private
from bench.model.errors import SetupError

if TYPE_CHECKING:
    from pathlib import Path

FILE = "tuning-journal.json"


class Applied(msgspec.Struct, frozen=True):
    """Clones by name, and the text of ``postgresql.auto.conf`` from before the first setting was changed."""

    databases: tuple[str, ...] = ()
    auto_conf: str | None = None


class Journal:
    """One file; there is none where nothing is applied."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> Applied:
        """Return what has to be taken back; raises ``SetupError`` for a file that cannot be read."""
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=Applied)
        except FileNotFoundError:
            return Applied()
        except (OSError, msgspec.DecodeError) as error:
            raise SetupError(
                f"{self._path}, which says what a tuning left applied, cannot be read",
                evidence=str(error),
                remedy="Drop databases called `bench_tune_…` and undo ALTER SYSTEM by hand, then remove the file.",
            ) from None

    def write(self, applied: Applied) -> None:
        """Store it, flushed, before the deed; nothing applied means no file."""
        if applied == Applied():
            self._path.unlink(missing_ok=True)
            return
        write_private(self._path, msgspec.json.encode(applied).decode(), ourselves())
        descriptor = os.open(self._path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
