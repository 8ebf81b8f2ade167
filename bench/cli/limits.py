"""Limits of the machine that may be met anywhere: they are the user's to raise, and no bug."""

from __future__ import annotations

import errno
from typing import Final

from bench.model.errors import SetupError

_REMEDIES: Final = {
    errno.EMFILE: "Raise the limit of open files (`ulimit -n 4096`), or use fewer connections and workers.",
    errno.ENFILE: "The whole machine has too many files open: end what opens them, or raise `fs.file-max`.",
    errno.ENOMEM: "Give it more memory, or use fewer connections and workers.",
    errno.EAGAIN: "Raise the limit of processes (`ulimit -u`), or use fewer workers.",
    errno.ENOSPC: "Make room on the disk, or choose other folders (`--results`, `--reports`, `--state`).",
    errno.EDQUOT: "Make room within your quota, or choose other folders (`--results`, `--reports`, `--state`).",
}


def describe_limit(error: OSError | MemoryError) -> SetupError | None:
    """Return what to tell the user of a limit that was reached, None for any other error."""
    if isinstance(error, MemoryError):
        return SetupError("out of memory", evidence=str(error), remedy=_REMEDIES[errno.ENOMEM])
    remedy = _REMEDIES.get(error.errno or 0)
    if remedy is None:
        return None
    name = errno.errorcode[error.errno or 0]
    where = f" ({error.filename})" if error.filename else ""
    return SetupError(f"{error.strerror}{where}", evidence=name, remedy=remedy)
