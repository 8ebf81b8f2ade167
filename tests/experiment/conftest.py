"""A command line for each test, on the session's server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.experiment.runs import Bench

if TYPE_CHECKING:
    from pathlib import Path

    from bench.environment.embedded import Environment


@pytest.fixture
def bench(tmp_path: Path, environment: Environment) -> Bench:
    """``bench`` in an empty folder."""
    return Bench(tmp_path, environment)
