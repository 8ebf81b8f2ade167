"""What several tests of the command line need."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.faults.foreign import foreign_database

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.environment.embedded import Environment
    from tests.faults.foreign import Foreign


@pytest.fixture(scope="module")
def foreign(environment: Environment) -> Iterator[Foreign]:
    """A database of somebody else's on a server of ours."""
    with foreign_database(environment) as made:
        yield made
