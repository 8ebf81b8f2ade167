"""What `bench up` or a crash left of an embedded environment: found by its state folder, ended, removed."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from bench.environment.account import server_account
from bench.environment.pgpool import end_stray_pgpool
from bench.environment.pooler_ini import end_stray_pooler
from bench.environment.postgres import end_stray_server
from bench.environment.state import make_state_folder, read_detached, server_place, write_detached
from bench.model.errors import SetupError

if TYPE_CHECKING:
    from pathlib import Path


def end_leftovers(state_root: Path) -> bool:
    """End the servers that run on this state folder; tells whether there were any. For the holder of its lock."""
    root = make_state_folder(state_root)
    place = server_place(root, server_account())
    found = read_detached(root) is not None
    found |= end_strays(place)
    write_detached(root, None)
    return found


def end_strays(place: Path) -> bool:
    """End the servers whose data lies in a folder; tells whether there were any."""
    found = False
    for folder in sorted(place.glob("pg*-pgbouncer")):
        found |= end_stray_pooler(folder)
    for folder in sorted(place.glob("pg*-pgpool")):
        found |= end_stray_pgpool(folder)
    for folder in sorted(place.glob("pg*/data")):
        found |= end_stray_server(folder)
    return found


def remove_data(state_root: Path) -> list[Path]:
    """End the servers and remove their data, copies and secrets; returns what was removed. For the lock's holder.

    A built pgBouncer stays. Raises ``SetupError`` for what somebody else owns.
    """
    end_leftovers(state_root)
    root = state_root.resolve()
    place = server_place(root, server_account())
    owned = [*place.glob("pg[0-9]*"), *place.glob("install-*")] if place == root else [place]
    for path in owned:
        try:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        except OSError as error:
            raise SetupError(
                f"cannot remove {path}: {error.strerror}", remedy="Remove it with its owner's rights."
            ) from None
    return owned
