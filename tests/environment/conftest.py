"""State folders of a test's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bench.environment.binaries import embedded_bindir
from bench.environment.embedded import Where

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def place(open_folder: Path, pgbouncer: Path | None) -> Where:
    """A state folder for one test, on the embedded PostgreSQL."""
    return Where(open_folder / ".bench", embedded_bindir(), pgbouncer)


@pytest.fixture
def any_place(open_folder: Path, bindir: Path, pgbouncer: Path | None) -> Where:
    """The same on each PostgreSQL version in turn."""
    return Where(open_folder / ".bench", bindir, pgbouncer)
