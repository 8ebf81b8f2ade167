"""Where the load of these tests goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bench.environment.pooler_ini import PoolerSettings
from tests.conftest import BINDIRS
from tests.load.pools import ask

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bench.environment.embedded import Environment
    from bench.model.endpoint import Endpoint


@pytest.fixture(params=["direct", "pooled"])
def endpoint(environment: Environment, request: pytest.FixtureRequest) -> Endpoint:
    """The server itself, and through pgBouncer with four server connections."""
    if request.param == "direct":
        return environment.app
    environment.pooler.apply(PoolerSettings(pool_size=4), environment.pooled.dbname)
    return environment.pooled


@pytest.fixture
def table(environment: Environment) -> Iterator[None]:
    """A table ``contract (id, n)`` with the rows (1, 1) and (2, 2), where n must be above 0."""
    create = "CREATE TABLE contract (id int PRIMARY KEY, n int CHECK (n > 0))"
    for sql in (create, "INSERT INTO contract VALUES (1, 1), (2, 2)", "GRANT ALL ON contract TO bench_app_login"):
        ask(environment.admin, sql)
    yield
    ask(environment.admin, "DROP TABLE contract")


@pytest.fixture
def roomy_pooler(environment: Environment) -> Environment:
    """Transaction mode, with a server connection for everybody."""
    environment.pooler.apply(PoolerSettings(pool_size=4), environment.pooled.dbname)
    return environment


@pytest.fixture(params=list(BINDIRS))
def pgbench(request: pytest.FixtureRequest) -> Path:
    """Each pgbench that the tests run on."""
    return BINDIRS[request.param]() / "pgbench"


@pytest.fixture
def seen(environment: Environment) -> Iterator[None]:
    """An empty table ``seen`` for what a load writes."""
    ask(
        environment.admin,
        "CREATE TABLE seen (id int GENERATED ALWAYS AS IDENTITY, at timestamptz, a text, b int, c text[])",
    )
    ask(environment.admin, "GRANT ALL ON seen TO bench_app_login")
    yield
    ask(environment.admin, "DROP TABLE seen")
