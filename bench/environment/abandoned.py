"""Folders of servers outside a checkout that nobody can come back to: their checkout is gone."""

from __future__ import annotations

import contextlib
import os
import shutil
from typing import TYPE_CHECKING

from bench.environment import state
from bench.environment.leftovers import end_strays

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def _own_folders() -> Iterator[Path]:
    """Yield our folders outside; what a link or somebody else has put there under such a name is not ours."""
    for place in sorted(state.OUTSIDE.glob(f"poolbench-{os.geteuid()}-*")):
        with contextlib.suppress(OSError):
            if place.is_dir() and not place.is_symlink() and place.lstat().st_uid == os.geteuid():
                yield place


def remove_abandoned() -> tuple[list[Path], list[Path]]:
    """Remove the folders whose state folder is gone; returns them, and those that do not tell whose they are.

    An empty folder of which that is not known is removed too. What a crash left running in them is ended first.
    """
    removed: list[Path] = []
    unknown: list[Path] = []
    for place in _own_folders():
        root = state.owner_of(place)
        if root is not None and root.is_dir() and state.outside_place(root) == place:
            continue
        if root is None and any(place.iterdir()):
            unknown.append(place)
            continue
        end_strays(place)
        shutil.rmtree(place, ignore_errors=True)
        removed.append(place)
    return removed, unknown
